// A user's library: functions that behave, and some that do what no function should.
#include <spillgate/function.h>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

using spillgate::sdk::Context;
using spillgate::sdk::Future;

constexpr int kNodeSocket = 3;  // of a worker; none of a function's business

void Greet(Context& context) {
  context.Return("hello " + std::string(context.Arg(0)));
}

void Where(Context& context) {
  context.Return(std::to_string(getpid()));
}

void Throw(Context& /*context*/) {
  throw std::runtime_error("no such row");
}

void Blob(Context& context) {
  context.Return(std::string(std::stoul(std::string(context.Arg(0))), 'x'));
}

// hoard(bytes, times): one value, asked for many times in one get; how many bytes came.
void Hoard(Context& context) {
  const Future blob = context.Submit("blob", context.Arg(0));
  const std::vector<Future> same(std::stoul(std::string(context.Arg(1))), blob);
  std::size_t bytes = 0;
  for (const std::string& value : context.Get(same)) bytes += value.size();
  context.Return(std::to_string(bytes));
}

// say(bytes…): each to the node, as if this worker said so, the next one once the node has said
// something too; then nothing more.
void Say(Context& context) {
  for (uint32_t i = 0; i < context.arg_count(); ++i) {
    pollfd heard{kNodeSocket, POLLIN, 0};
    if (i > 0) poll(&heard, 1, -1);
    const std::string_view bytes = context.Arg(i);
    if (write(kNodeSocket, bytes.data(), bytes.size()) < 0) context.Fail("the socket is closed");
  }
  for (;;) pause();
}

void HangUp(Context& /*context*/) {
  close(kNodeSocket);
  for (;;) pause();
}

// last_words(text, status): the end of the process, after it has said something.
void LastWords(Context& context) {
  const std::string_view text = context.Arg(0);
  if (write(STDERR_FILENO, text.data(), text.size()) < 0) return;
  _exit(std::stoi(std::string(context.Arg(1))));
}

// size(bytes…): how many they are together.
void Size(Context& context) {
  std::size_t bytes = 0;
  for (uint32_t i = 0; i < context.arg_count(); ++i) bytes += context.Arg(i).size();
  context.Return(std::to_string(bytes));
}

// gather(bytes, times): the size of so many values of so many bytes, passed to one task.
void Gather(Context& context) {
  spillgate::sdk::Batch blobs("blob");
  for (unsigned long i = 0; i < std::stoul(std::string(context.Arg(1))); ++i) {
    blobs.Add({context.Arg(0)});
  }
  spillgate::sdk::Batch size("size");
  const std::vector<Future> parts = context.Submit(blobs);
  size.Add({parts.begin(), parts.end()});
  context.Return(context.Get(context.Submit(size).front()));
}

// nap(): sleeps in the kernel until a signal comes, then looks whether it should stop. That it has
// begun is seen from its child.
void Nap(Context& context) {
  context.Submit("greet", "nobody");
  pause();
  if (!context.Cancelled()) context.Return("woken, but not to stop");
}

// stubborn(): the same, but goes on to its end when it is asked to stop.
void Stubborn(Context& context) {
  context.Submit("greet", "nobody");
  pause();
  if (context.Cancelled()) context.Return("done all the same");
}

// orphan(): leaves a process behind; its number.
void Orphan(Context& context) {
  const pid_t child = fork();
  if (child == 0) {
    for (;;) pause();
  }
  context.Return(std::to_string(child));
}

// farewell(bytes): to the node, as if this worker said so, and the end of the process.
void Farewell(Context& context) {
  const std::string_view bytes = context.Arg(0);
  if (write(kNodeSocket, bytes.data(), bytes.size()) < 0) context.Fail("the socket is closed");
  _exit(3);
}

// relay(function, argument…): the result of a child.
void Relay(Context& context) {
  spillgate::sdk::Batch batch(context.Arg(0));
  std::vector<spillgate::sdk::Argument> arguments;
  for (uint32_t i = 1; i < context.arg_count(); ++i) arguments.emplace_back(context.Arg(i));
  batch.Add(arguments);
  context.Return(context.Get(context.Submit(batch).front()));
}

// chain(text): two children, the second takes what the first returns.
void Chain(Context& context) {
  const Future first = context.Submit("greet", context.Arg(0));
  context.Return(context.Get(context.Submit("greet", first)));
}

// stray(runs): as a search that spawns by time, it spawns something else in each run: the second of
// three greetings. In the first `runs` runs it also leaves a child that sleeps for an hour, and
// dies.
void Stray(Context& context) {
  const bool dies = context.attempt() <= std::stoul(std::string(context.Arg(0)));
  const std::string run = std::to_string(context.attempt());
  spillgate::sdk::Batch batch("greet");
  for (const std::string_view whom : {"you", run.c_str(), "you"}) batch.Add({whom});
  const std::vector<Future> greetings = context.Submit(batch);
  if (dies) context.Submit("sleep", "3600000000");
  std::string all;
  for (const std::string& greeting : context.Get(greetings)) all += greeting + ".";
  if (dies) raise(SIGKILL);
  context.Return(all);
}

}  // namespace

SPILLGATE_LIBRARY("greeter", spillgate::sdk::Export<Greet>("greet", SG_HOST_THREAD, 1, 3),
                  spillgate::sdk::Export<Where>("where"), spillgate::sdk::Export<Throw>("throw"),
                  spillgate::sdk::Export<Blob>("blob"), spillgate::sdk::Export<Hoard>("hoard"),
                  spillgate::sdk::Export<Say>("say"), spillgate::sdk::Export<HangUp>("hang_up"),
                  spillgate::sdk::Export<LastWords>("last_words"),
                  spillgate::sdk::Export<Size>("size"), spillgate::sdk::Export<Gather>("gather"),
                  spillgate::sdk::Export<Nap>("nap"), spillgate::sdk::Export<Stubborn>("stubborn"),
                  spillgate::sdk::Export<Orphan>("orphan"),
                  spillgate::sdk::Export<Farewell>("farewell"),
                  spillgate::sdk::Export<Relay>("relay"), spillgate::sdk::Export<Chain>("chain"),
                  spillgate::sdk::Export<Stray>("stray"))
