// Who says it: this node's voice, which is its healing key, and the voices of the others, which are the keys
// that mesh.toml has for them. Called by SerfLink. The mesh key makes a member, not a voice: every member has
// it. Reads one file; shows no private byte to anybody.
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "config/mesh.h"
#include "mesh/ed25519.h"

namespace meshops::mesh {

class Voice {
 public:
  explicit Voice(const Mesh& mesh);

  /// Looks whether the key's file is another one than before, or came, or went: an agent runs for months.
  /// Called every few seconds.
  void refresh();
  /// 64 bytes; an Error (that of trouble()) where this node has no voice.
  Result<std::string> sign(std::string_view message);
  /// Whether that node said this; false for one without a healing_key in mesh.toml.
  bool said_by(std::string_view node, std::string_view message, std::string_view signature) const;
  /// Why this node has no voice; no sentence: it has one.
  const Error& trouble() const { return trouble_; }

 private:
  Result<ed25519::PrivateKey> read() const;

  std::string self_;
  std::filesystem::path file_;
  std::map<std::string, std::string, std::less<>> keys_;  // node → the 32 bytes of its public key
  struct Seen {
    ino_t inode = 0;
    off_t size = 0;
    timespec modified{}, changed{};
    bool same(const Seen& other) const;
  };
  std::optional<Seen> seen_;
  bool looked_ = false;
  std::optional<ed25519::PrivateKey> key_;
  Error trouble_{"", ""};
};

}  // namespace meshops::mesh
