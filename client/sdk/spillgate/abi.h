// The C interface between Spillgate and a library of functions: a table that the library exports, a
// table of calls that each run is handed. Any language that can export a C symbol can have a
// library; both tables only ever grow at their end, so that one built against an older header keeps
// working. Included by function.h, which libraries in C and C++ include.
//
// Threads: the node may run functions of one library on several threads at once, or each in a
// process of its own. The context of a run belongs to the thread that the function was called on,
// until it returns; `cancelled` and `remaining` may be called from any thread until then. Times are
// nanoseconds. Bytes that are passed in are copied before the call returns; bytes that are handed
// out stay valid until the function returns, unless it says otherwise.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SG_ABI_VERSION 1u
#define SG_EXPORT __attribute__((visibility("default")))

typedef struct sg_bytes {
  const void* data;
  size_t size;
} sg_bytes;

// A value that a task returns, or will: its `index`-th. Plain: may be copied, kept and compared by
// its fields.
typedef struct sg_future {
  uint64_t session;
  uint64_t seq;
  uint32_t index;
  uint32_t reserved;  // 0
} sg_future;

// What calls answer, and why a result is none. Others may come: docs/protocol.md lists all reasons
// of a node.
enum sg_reason {
  SG_OK = 0,
  SG_UNKNOWN_FUNCTION = 10,
  SG_TOO_LARGE = 14,
  SG_TASK_ERROR = 32,  // a function reported a failure
  SG_TIMEOUT = 35,
  SG_DEADLINE = 36,   // this task's own deadline has passed: return soon
  SG_CANCELLED = 37,  // somebody asked for the end of this task: return soon
  SG_DEPENDENCY_FAILED = 38,
  SG_NESTED_LIMIT = 39,  // too many tasks wait for others
  SG_OWN_ANCESTOR = 40,  // that task waits, directly or not, for this one
  SG_QUOTA_EXCEEDED = 41,
  SG_NOT_FOUND = 43,
  SG_BAD_REQUEST = 64,
  SG_UNSUPPORTED = 65,  // not where this function runs: an inline one may not block
};

// How one future stands after a get.
typedef struct sg_result {
  uint32_t settled;  // 1: the task has ended; 0: it has not, or the node does not know it
  uint32_t reason;   // SG_OK: `bytes` is the value; else why there is none
  sg_bytes bytes;    // the value, or a message for people
} sg_result;

// Called once for each future of a get, in their order; may not call the context. `result` is valid
// during the call.
typedef void (*sg_take)(void* user, uint32_t position, const sg_result* result);

typedef struct sg_arg {
  uint32_t is_future;  // 0: `bytes`; 1: `future`, whose value the child gets once it exists
  uint32_t reserved;   // 0
  sg_bytes bytes;
  sg_future future;
} sg_arg;

// A group of children of one function. Their ids follow from this task's id, `stream`, how many
// children that stream has had before, and what they are: so a task that is run again, because its
// worker died, gets the children that it submits as before in that order, with their results, and
// others where it submits something else; what its last run has not submitted is cancelled when it
// ends. A function whose threads take turns at submitting gives each its
// own stream; one thread needs only stream 0.
typedef struct sg_submission {
  uint32_t size;  // sizeof(sg_submission)
  uint32_t stream;
  sg_bytes function;           // its name
  uint32_t count;              // children, at least 1
  uint32_t returns;            // of each child; 0 is 1
  const sg_arg* args;          // of all children, one after the other
  const uint32_t* arg_counts;  // `count` of them
  int64_t deadline_ns;    // from now; 0: this task's own, which a child cannot outlive in any case
  uint64_t cost_hint_ns;  // how long one child holds its slot; 0: no idea
} sg_submission;

// The calls of a run. Those that wait give this task's slot back while they do, and end early, with
// SG_CANCELLED or SG_DEADLINE, when the task should stop. A timeout below 0 is "until then".
typedef struct sg_api {
  size_t size;  // of this table as the node knows it: what lies beyond is not there
  uint32_t (*arg_count)(void* self);
  sg_bytes (*arg)(void* self, uint32_t index);  // null data beyond the last
  // Sets one of the values that the task returns; again: the last one counts. Those not set are
  // empty.
  void (*set_return)(void* self, uint32_t index, sg_bytes value);
  // The task has failed, whatever it returned. Of the message, 4 KiB are kept. The function still
  // has to return.
  void (*fail)(void* self, sg_bytes message);
  int64_t (*remaining)(
      void* self);  // until the task's deadline, at least 0; INT64_MAX: it has none
  // 1 once the task was cancelled or its deadline has passed. A function that saw a 1 (here or as
  // SG_CANCELLED or SG_DEADLINE) and then returns has been stopped, unless it sets a return value
  // after that.
  uint32_t (*cancelled)(void* self);
  // Waits; SG_OK when the time is over.
  uint32_t (*pause)(void* self, int64_t ns);
  // Submits children; `out` has room for `count` futures (of return 0). Waits until the node has
  // taken them: under load that is when earlier children have ended. SG_OK, or why the node refused
  // some: then `*accepted` children, the first ones, will run.
  uint32_t (*submit)(void* self, const sg_submission* group, sg_future* out, uint32_t* accepted);
  // Waits until all have ended. SG_OK when each has a value or a failure; else why not all do.
  uint32_t (*get)(void* self, const sg_future* futures, uint32_t count, int64_t timeout_ns,
                  sg_take take, void* user);
  // Waits until `needed` of at most 2,048 have ended, and marks in `ready` (one byte each) those
  // that have. SG_TIMEOUT if fewer have by then.
  uint32_t (*wait)(void* self, const sg_future* futures, uint32_t count, uint32_t needed,
                   int64_t timeout_ns, uint8_t* ready);
  // Asks for the end of these tasks and of all below them. Does not wait.
  uint32_t (*cancel)(void* self, const sg_future* futures, uint32_t count);
  // Their results are not needed any more, in addition to what goes when this task ends. Does not
  // wait.
  uint32_t (*release)(void* self, const sg_future* futures, uint32_t count);
  sg_bytes (*last_error)(
      void* self);  // the sentence to the last answer that was not SG_OK; until the next call
  sg_future (*task)(void* self);    // this task
  uint32_t (*attempt)(void* self);  // 1 for its first run
} sg_api;

// What a function is handed.
typedef struct sg_context {
  const sg_api* api;
  void* self;
} sg_context;

// Where a function should run in a library that the node's config has in_process, unless the config
// names another place for it. Functions of other libraries run in worker processes, all of them.
enum sg_host {
  SG_HOST_INLINE = 0,  // on the loop of the node: takes microseconds, never blocks, submits nothing
  SG_HOST_THREAD = 1,  // on a thread for tasks
  SG_HOST_WORKER = 2,  // in a worker process all the same: it may crash or has to be killed
};

typedef struct sg_function {
  const char* name;  // at most 256 bytes
  void (*call)(const sg_context* context);
  uint32_t host;
  uint32_t returns;     // values that it returns as a rule
  uint32_t slot_limit;  // runs at the same time; 0: as many as fit
  uint32_t reserved;    // 0
} sg_function;

// A shared library exports one, as `spillgate_library`.
typedef struct sg_library {
  uint32_t abi_version;    // SG_ABI_VERSION
  uint32_t function_size;  // sizeof(sg_function)
  const char* name;
  const sg_function* functions;
  size_t function_count;
} sg_library;

#ifdef __cplusplus
}  // extern "C"
#endif
