// A shared object that is no library of functions.
extern "C" __attribute__((visibility("default"))) int answer() {
  return 42;
}
