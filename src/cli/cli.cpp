#include "cli/cli.h"

#include <cstdio>

namespace meshops::cli {

int main(int, char**) {
  std::puts("meshops " MESHOPS_VERSION);
  return 0;
}

}  // namespace meshops::cli
