#include "audit/ssh_blocks.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"

namespace meshops::audit {

namespace {

struct Block {
  std::size_t header = 0;  // its line; 0: above all blocks
  std::vector<std::string> lines;
};

/// Comments right above a header belong to it.
std::vector<Block> blocks_of(const ssh::Config& file, std::string_view text) {
  std::set<std::size_t> headers;
  for (const auto& line : file.lines)
    if (line.keyword == "host" || line.keyword == "match") headers.insert(line.number);
  std::vector<Block> out(1);
  std::size_t number = 0;
  if (text.ends_with('\n')) text.remove_suffix(1);
  for (auto line : split(text, '\n')) {
    if (headers.contains(++number)) {
      Block next{.header = number};
      auto& before = out.back().lines;
      auto first = before.end();
      while (first != before.begin() && trim(*(first - 1)).starts_with('#')) --first;
      next.lines.assign(first, before.end());
      before.erase(first, before.end());
      out.push_back(std::move(next));
    }
    out.back().lines.emplace_back(line);
  }
  return out;
}

std::string text_of(const std::vector<Block>& blocks) {
  std::string out;
  for (const auto& block : blocks)
    for (const auto& line : block.lines) out += line + "\n";
  return out;
}

bool is_blank(const Block& block) {
  return std::ranges::all_of(block.lines, [](const auto& line) { return trim(line).empty(); });
}

/// What a host gets: each keyword's value, or all of them where they add up; and which line gave it.
struct Given {
  std::string value;
  std::string block;  // "file\nHost a b"
};
using Values = std::map<std::string, Given>;

Values values_for(const SshClient& client, const std::string& host) {
  Values out;
  for (const auto& applied : client.for_host(host)) {
    auto& given = out[applied.line->keyword];
    auto block = applied.block == nullptr
                     ? std::string("Host *")
                     : fmt::format("{} {}", applied.block->keyword == "host" ? "Host" : "Match",
                                   applied.block->values());
    if (ssh::accumulates(applied.line->keyword))
      given.value += applied.line->values() + "\n";
    else if (given.block.empty())
      given.value = applied.line->values();
    if (given.block.empty()) given.block = applied.file->file + "\n" + block;
  }
  return out;
}

/// The same client with another text in one of its files.
struct Changed {
  ssh::Config config;
  SshClient client;
  Changed(const SshClient& old, const ssh::Config& file, std::string_view text)
      : config(ssh::parse_config(text, file.file)), client(old) {
    for (auto& source : client.sources)
      if (source.config == &file) source.config = &config;
    client.include = [include = old.include, was = &file, now = &config](std::string_view pattern) {
      auto files = include(pattern);
      std::ranges::replace(files, was, now);
      return files;
    };
  }
  Changed(const Changed&) = delete;
  Changed& operator=(const Changed&) = delete;
};

std::set<std::string> hosts_of(const SshClient& client) {
  std::set<std::string> out = {"nobody-named-this.invalid"};
  for (const auto& applied : client.everything())
    if (applied.block != nullptr)
      for (const auto& name : ssh::names_of(*applied.block)) out.insert(ssh::sample_of(name));
  return out;
}

/// Whether only such values differ that came from the wide block and come from a narrower one now.
bool harmless(const SshClient& before, const SshClient& after, const std::string& wide_block) {
  for (const auto& host : hosts_of(before)) {
    auto was = values_for(before, host), now = values_for(after, host);
    if (was.size() != now.size()) return false;
    for (const auto& [keyword, given] : was) {
      auto found = now.find(keyword);
      if (found == now.end()) return false;
      if (found->second.value == given.value) continue;
      bool ours = given.block == wide_block && found->second.block != wide_block;
      if (!ours || ssh::accumulates(keyword)) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<std::string> with_block_moved(const SshClient& client, const ssh::Config& file,
                                            std::string_view text, std::size_t wide, std::size_t hidden) {
  const auto blocks = blocks_of(file, text);
  auto from = std::ranges::find(blocks, wide, &Block::header);
  auto target = std::ranges::find(blocks, hidden, &Block::header);
  if (from == blocks.end() || target == blocks.end() || target <= from || is_blank(*from))
    return std::nullopt;
  for (const auto& applied : client.everything())
    if (applied.uncertain) return std::nullopt;
  std::string wide_block = file.file + "\nHost *";
  for (const auto& line : file.lines)
    if (line.number == wide && wide != 0)
      wide_block =
          fmt::format("{}\n{} {}", file.file, line.keyword == "host" ? "Host" : "Match", line.values());
  // The end first: where a person looks for it.
  for (auto to = blocks.end(); to > target; --to) {
    std::vector<Block> order;
    auto put = [&] {
      Block moved = *from;
      if (wide == 0) moved.lines.insert(moved.lines.begin(), "Host *");
      if (!order.empty() && !order.back().lines.empty() && !trim(order.back().lines.back()).empty())
        order.back().lines.emplace_back();
      // No blank line at the end of the file, one between blocks.
      while (moved.lines.size() > 1 && trim(moved.lines.back()).empty()) moved.lines.pop_back();
      order.push_back(std::move(moved));
      if (to != blocks.end()) order.back().lines.emplace_back();
    };
    for (auto at = blocks.begin(); at != blocks.end(); ++at) {
      if (at == to) put();
      if (at != from) order.push_back(*at);
    }
    if (to == blocks.end()) put();
    auto moved = text_of(order);
    Changed changed(client, file, moved);
    if (harmless(client, changed.client, wide_block)) return moved;
  }
  return std::nullopt;
}

}  // namespace meshops::audit
