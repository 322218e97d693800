// SPDX-License-Identifier: GPL-3.0-or-later
import ArgumentParser
import Glibc
import Testing

@testable import keyfold

@Suite("Output that can't be written")
struct TerminalTests {
  @Test("ends the command with 1 on a full disk: half an export is not taken for a whole one")
  func full() async {
    let result = await #expect(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
      let full = unsafe open("/dev/full", O_WRONLY)
      #expect(dup2(full, STDOUT_FILENO) == STDOUT_FILENO)
      Terminal(json: false).write("an entry")
      exit(0)
    }
    let complaint = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(complaint.contains("error: the output can't be written: No space left on device"))
  }

  @Test("is lost without a fuss where nobody reads any more")
  func unread() async {
    await #expect(processExitsWith: .exitCode(7)) {
      signal(SIGPIPE, SIG_IGN)
      var ends: [Int32] = [0, 0]
      #expect(unsafe pipe(&ends) == 0)
      close(ends[0])
      dup2(ends[1], STDOUT_FILENO)
      Terminal(json: false).write("an entry")
      exit(7)
    }
  }

  @Test("an error nobody expected ends with 1, one of the command line with 2")
  func unexpected() async {
    await #expect(processExitsWith: .exitCode(1)) {
      struct Unexpected: Error {}
      Keyfold.finish(with: Unexpected())
    }
    await #expect(processExitsWith: .exitCode(2)) {
      do {
        _ = try Keyfold.parseAsRoot(["no-such-command"])
        exit(0)
      } catch { Keyfold.finish(with: error) }
    }
  }
}
