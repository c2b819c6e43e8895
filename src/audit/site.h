// What is audited: a running machine, a directory that holds one, a folder of configuration files, or exports
// of a cloud. Rules read it only through here. What several rules need is gathered once, when the first asks.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <typeindex>
#include <vector>

#include "audit/finding.h"
#include "audit/live.h"
#include "audit/survey.h"
#include "base/result.h"
#include "config/mesh.h"
#include "host/host.h"

namespace meshops::audit {

MESHOPS_ERROR_CODES(AuditCode, "audit", no_target, no_rule, not_here, too_slow, refused, io);

enum class Ground {
  live,   // this machine, or one reached over SSH
  root,   // a directory with a root file system: nothing runs
  repo,   // a folder or a checkout
  cloud,  // a folder of cloud exports
};

class Site {
 public:
  Site(Ground ground, const Host& host, const Live* live, Mesh mesh, WallTime now)
      : ground_(ground), host_(host), live_(live), mesh_(std::move(mesh)), now_(now) {}

  Ground ground() const { return ground_; }
  bool live() const { return ground_ == Ground::live; }
  bool repo() const { return ground_ == Ground::repo; }
  /// Paths are absolute in it; of a repo or cloud export "/" is the folder.
  const Host& host() const { return host_; }
  /// Null unless live(): ask only then.
  const Live* running() const { return live_; }
  /// The owner's mesh.toml, or all defaults: `mesh().source` is empty then.
  const Mesh& mesh() const { return mesh_; }
  WallTime now() const { return now_; }
  /// The real directory that host()'s "/" is, for parts that read the file system themselves (libgit2).
  /// Empty: the files are only to be had through host().
  const std::filesystem::path& disk() const { return disk_; }
  void on_disk(std::filesystem::path root) { disk_ = std::move(root); }

  /// The files worth looking at, by kind.
  const Survey& files() const { return facts<Survey>(); }
  /// The path as reports show it: without the leading "/" in a repo, where "/" is only ours.
  std::string shown(const std::filesystem::path& path) const;
  Where at(const std::filesystem::path& path, std::size_t line = 0, std::size_t column = 0) const {
    return {shown(path), line, column};
  }

  /// What F::gather(const Site&) gives, made once. F must not ask for itself on the way.
  template <class F>
  const F& facts() const {
    std::shared_ptr<Slot> slot;
    {
      std::scoped_lock lock(mutex_);
      auto& entry = slots_[std::type_index(typeid(F))];
      if (!entry) entry = std::make_shared<Slot>();
      slot = entry;
    }
    std::call_once(slot->once, [&] { slot->value = std::make_shared<const F>(F::gather(*this)); });
    return *std::static_pointer_cast<const F>(slot->value);
  }

 private:
  struct Slot {
    std::once_flag once;
    std::shared_ptr<const void> value;
  };

  Ground ground_;
  const Host& host_;
  const Live* live_;
  Mesh mesh_;
  WallTime now_;
  std::filesystem::path disk_;
  mutable std::mutex mutex_;
  mutable std::map<std::type_index, std::shared_ptr<Slot>> slots_;
};

}  // namespace meshops::audit
