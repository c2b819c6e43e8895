// For tests that compare a reader of ours with the program whose files it reads: chance from a seed, a folder
// of its own, what a shell says.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace meshops::oracle {

/// A normal run asks often enough to see a broken reader; all of them are asked when somebody wants it.
inline int how_many() {
  const char* all = std::getenv("MESHOPS_ORACLE");
  return all != nullptr && std::string_view(all) == "1" ? 1000 : 50;
}

/// The same numbers from the same seed on every machine.
class Chance {
 public:
  explicit Chance(unsigned seed) : random_(seed) {}
  std::size_t below(std::size_t n) { return random_() % n; }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <typename T>
  const T& of(const std::vector<T>& list) {
    return list[below(list.size())];
  }

 private:
  std::mt19937 random_;
};

inline std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// A folder of its own for a test, gone with it.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "meshops-oracle-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, const std::string& text) const {
    auto to = path_ / name;
    std::filesystem::create_directories(to.parent_path());
    std::ofstream(to, std::ios::binary) << text;
    // ssh refuses to include what others may write, whatever the umask is.
    using std::filesystem::perms;
    std::filesystem::permissions(to, perms::owner_read | perms::owner_write);
  }

 private:
  std::filesystem::path path_;
};

/// What a shell says; its exit status does not matter to anybody here.
inline std::string shell(const std::string& command) {
  std::string out;
  auto* pipe = ::popen(("exec 2>&1; " + command).c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[4096];
  while (auto n = ::fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  ::pclose(pipe);
  return out;
}

}  // namespace meshops::oracle
