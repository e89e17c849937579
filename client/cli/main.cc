// spillgate: the command.
#include "client/cli/command.h"

int main(int count, char** words) {
  return spillgate::cli::Main(count, words);
}
