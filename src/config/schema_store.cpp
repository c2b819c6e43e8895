// The part of the table of mesh.toml that says where the object store is.
#include "config/schema.h"
#include "config/schema_key.h"

namespace meshops::schema {

std::span<const Key<StoreSpec>> store_keys() {
  static const std::vector<Key<StoreSpec>> keys = {
      key<&StoreSpec::url>(
          {.name = "url",
           .type = Type::store_url,
           .meaning =
               "A bucket of S3 or of what speaks like it, or a directory that every node has mounted: the "
               "same for all nodes.",
           .example = "\"s3://my-bucket/meshops\"",
           .default_words = "none: of two nodes, none can know whether the other is off or only cut off"}),
      key<&StoreSpec::endpoint>({.name = "endpoint",
                                 .type = Type::url,
                                 .meaning = "The S3 server; https, but on loopback.",
                                 .example = "\"https://s3.internal.example.org\"",
                                 .default_words = "Amazon's in that region"}),
      key<&StoreSpec::region>({.name = "region",
                               .type = Type::region,
                               .meaning =
                                   "The bucket's region; servers other than Amazon's have mostly one, with "
                                   "the default's name.",
                               .example = "\"eu-central-1\""}),
      key<&StoreSpec::key_file>(
          {.name = "key_file",
           .type = Type::path,
           .meaning =
               "A file (mode 600) with a key that may read and write objects below url and nothing else "
               "(s3:GetObject, s3:PutObject), as `aws configure` writes it: [default], "
               "aws_access_key_id, aws_secret_access_key. Needed for s3://.",
           .example = "\"/etc/meshops/store.key\"",
           .default_words = "none"}),
  };
  return keys;
}

}  // namespace meshops::schema
