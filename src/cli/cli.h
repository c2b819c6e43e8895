// The command line: parses, calls one command, turns its outcome into an exit code. Only main() calls it.
#pragma once

namespace meshops::cli {

/// 0 good · 1 findings or unhealthy · 2 usage · 3 could not do it.
int main(int argc, char** argv);

}  // namespace meshops::cli
