// What this node's agent says of itself, in a file that everybody on the node may read: written by the agent
// once a second, read by who answers heartbeats (`meshops web`), which has no rights and no socket. Says
// nothing that `meshops status` would not tell, and decides nothing.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "config/mesh.h"
#include "mesh/word.h"

namespace meshops::mesh {

/// The age of an agent that has said nothing, or nothing that can be believed; also the oldest that is told.
constexpr Duration kNeverSpoke = std::chrono::hours(24 * 30);

/// Beside the agent's socket: /run/meshops/word. In memory, so that no word outlives the boot by whose clock
/// it is dated.
std::filesystem::path word_file(const Mesh& mesh);

/// "unknown", "well", "ill", "given_up": for programs, where text() is for people.
std::string_view name_of(Gateways gateways);
/// meshops.word/1, one line, said at `now`; the word's own age means nothing.
std::string word_text(const Word& word, Instant now);
/// With its age at `now`, its agent not gone. What is damaged, or was said in the future, is a word that
/// nobody has spoken: kNeverSpoke, gateways unknown.
Word parse_word(std::string_view text, Instant now);

/// Replaces the file whole (0644); not waited for until it is on a disk, where it never needs to be.
Status write_word(const std::filesystem::path& file, const Word& word, const Clock& clock);
/// For as long as the process lives: the kernel lets go at once, however it ends. Whoever starves still holds
/// it. A lock on the file beside it, "word.held"; an error if another process has it. Asked for again and
/// again, because that file may be swept away.
Status hold_word(const std::filesystem::path& file, Fd& held);
/// No file is a word that nobody has spoken, too. `agent_gone` if nobody holds it.
Word read_word(const std::filesystem::path& file, const Clock& clock);

}  // namespace meshops::mesh
