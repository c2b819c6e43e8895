#include "cli/cli.h"

int main(int argc, char** argv) { return meshops::cli::main(argc, argv); }
