"use strict";
// The worker that runs the engine, so that typing never waits for it. The
// engine is a WASI reactor: it reads a question from descriptor 0 and writes
// the answer to 1. The functions below are all of WASI that Go calls for that;
// whatever else it may call answers that it does not exist.
(() => {
  const noFunction = 52; // WASI's ENOSYS
  const noDescriptor = 8; // and EBADF
  let memory;
  let input = new Uint8Array();
  let output = [];
  let errors = [];

  const view = () => new DataView(memory.buffer);

  // buffers calls back with each piece of memory of a vector.
  function buffers(vector, count, use) {
    const at = view();
    for (let i = 0; i < count; i++) {
      use(new Uint8Array(memory.buffer, at.getUint32(vector + 8 * i, true), at.getUint32(vector + 8 * i + 4, true)));
    }
  }

  // nothing says that there are no arguments and no environment.
  function nothing(count, bytes) {
    view().setUint32(count, 0, true);
    view().setUint32(bytes, 0, true);
    return 0;
  }

  const wasi = {
    args_sizes_get: nothing,
    environ_sizes_get: nothing,
    args_get: () => 0,
    environ_get: () => 0,
    sched_yield: () => 0,
    fd_close: () => 0,
    fd_prestat_get: () => noDescriptor, // no folders
    proc_exit(code) { throw new Error("the engine ended with code " + code); },
    clock_time_get(clock, precision, result) {
      const ms = clock === 0 ? Date.now() : performance.now();
      view().setBigUint64(result, BigInt(Math.round(ms * 1e6)), true);
      return 0;
    },
    random_get(at, length) {
      for (let i = 0; i < length; i += 65536) { // what getRandomValues fills at most
        crypto.getRandomValues(new Uint8Array(memory.buffer, at + i, Math.min(length - i, 65536)));
      }
      return 0;
    },
    fd_fdstat_get(fd, result) {
      new Uint8Array(memory.buffer, result, 24).fill(0);
      view().setUint8(result, 2); // a character device
      return 0;
    },
    fd_read(fd, vector, count, result) {
      let read = 0;
      buffers(vector, count, (to) => {
        const n = Math.min(to.length, input.length);
        to.set(input.subarray(0, n));
        input = input.subarray(n);
        read += n;
      });
      view().setUint32(result, read, true);
      return 0;
    },
    fd_write(fd, vector, count, result) {
      let written = 0;
      buffers(vector, count, (from) => {
        (fd === 1 ? output : errors).push(from.slice());
        written += from.length;
      });
      view().setUint32(result, written, true);
      return 0;
    },
    // Go waits here for its timers. It looks at the clock itself afterwards, so
    // that any time may be over.
    poll_oneoff(subscriptions, events, count, result) {
      const at = view();
      new Uint8Array(memory.buffer, events, 32).fill(0);
      at.setBigUint64(events, at.getBigUint64(subscriptions, true), true);
      at.setUint32(result, 1, true);
      return 0;
    },
  };
  const imports = new Proxy(wasi, { get: (functions, name) => functions[name] ?? (() => noFunction) });

  const text = (pieces) => pieces.map((p) => new TextDecoder().decode(p)).join("");
  let engine;

  async function start(module) {
    const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: imports });
    engine = instance.exports;
    memory = engine.memory;
    engine._initialize();
  }

  function ask(question) {
    input = new TextEncoder().encode(JSON.stringify(question));
    output = [];
    errors = [];
    if (engine.answer() !== 0) throw new Error(text(errors));
    const bytes = new Uint8Array(output.reduce((sum, p) => sum + p.length, 0));
    let at = 0;
    for (const piece of output) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  // A message is {module} once and {question} from then on; each gets one back.
  self.onmessage = async ({ data }) => {
    try {
      if (data.module) {
        await start(data.module);
        self.postMessage({ ready: true });
      } else {
        self.postMessage({ answer: ask(data.question) });
      }
    } catch (e) {
      self.postMessage({ failure: (e.message + " " + text(errors)).trim() });
    }
  };
})();
