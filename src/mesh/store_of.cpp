#include "mesh/store_of.h"

#include "config/values.h"

namespace meshops::mesh {

std::shared_ptr<store::ObjectStore> store_of(const Mesh& mesh, Net& net, const Clock& clock) {
  auto place = values::store_place(mesh.store.url);  // the parser has checked it
  if (mesh.store.url.empty() || !place) return nullptr;
  if (!place->directory.empty()) return store::directory_store(place->directory);
  store::S3Spec spec{.endpoint = mesh.store.endpoint,
                     .region = mesh.store.region,
                     .bucket = place->bucket,
                     .prefix = place->prefix,
                     .key_file = mesh.store.key_file};
  return store::s3_store(std::move(spec), net, clock);
}

}  // namespace meshops::mesh
