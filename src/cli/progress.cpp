#include "cli/progress.h"

#include <unistd.h>

#include <cstdio>

#include "base/text.h"

namespace meshops::cli {

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

void Progress::say(const std::string& text) {
  if (!terminal_) return;
  std::scoped_lock lock(mutex_);
  std::fputs(("\r\033[K" + printable(text)).c_str(), stderr);
}

void Progress::clear() {
  if (terminal_) std::fputs("\r\033[K", stderr);
}

}  // namespace meshops::cli
