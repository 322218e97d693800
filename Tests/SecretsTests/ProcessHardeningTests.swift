// SPDX-License-Identifier: GPL-3.0-or-later
import CCrypto
import Glibc
import Testing

@testable import Secrets

/// From here on the process, even root's, can lock nothing.
func limitLockedMemory() {
  var none = rlimit(rlim_cur: 0, rlim_max: 0)
  _ = unsafe setrlimit(Int32(__RLIMIT_MEMLOCK.rawValue), &none)
  // Root locks what it likes; nobody doesn't.
  if geteuid() == 0 { _ = setuid(65_534) }
}

@Suite("A daemon keeps its memory to itself")
struct ProcessHardeningTests {
  @Test("switches off core dumps and tracing")
  func forbidsDumps() async {
    await #expect(processExitsWith: .success) {
      try ProcessHardening.forbidDumps()
      #expect(kf_is_dumpable() == 0)
      var limit = rlimit()
      _ = unsafe getrlimit(Int32(RLIMIT_CORE.rawValue), &limit)
      #expect(limit.rlim_cur == 0 && limit.rlim_max == 0)
    }
  }

  @Test("does the same when it is applied, without a new image if crash reports are decided on")
  func applies() async {
    await #expect(processExitsWith: .success) {
      _ = unsafe setenv(ProcessHardening.crashReportVariable, ProcessHardening.crashReportValue, 1)
      try ProcessHardening.apply()
      #expect(kf_is_dumpable() == 0)
    }
  }

  @Test("makes new files the owner's only, whatever mode they are made with")
  func hidesFiles() async {
    await #expect(processExitsWith: .success) {
      let folder = try TemporaryFolder()
      let path = folder.path + "/made"
      _ = unsafe setenv(ProcessHardening.crashReportVariable, ProcessHardening.crashReportValue, 1)
      try ProcessHardening.apply()
      close(unsafe open(path, O_WRONLY | O_CREAT, 0o666))
      var facts = stat()
      #expect(unsafe stat(path, &facts) == 0)
      #expect(facts.st_mode & 0o777 == 0o600)
      withExtendedLifetime(folder.path) {}
    }
  }

  @Test("needs a new image only if nobody has decided on crash reports")
  func decidesOnImage() {
    #expect(ProcessHardening.needsNewImage(crashReportSetting: nil))
    #expect(!ProcessHardening.needsNewImage(crashReportSetting: "enable=no"))
    #expect(!ProcessHardening.needsNewImage(crashReportSetting: ProcessHardening.crashReportValue))
  }

  @Test("replaces the image, with the given arguments")
  func replaces() async {
    await #expect(processExitsWith: .exitCode(7)) {
      try ProcessHardening.replace(image: "/bin/sh", arguments: ["sh", "-c", "exit $1", "sh", "7"])
    }
  }

  @Test("leaves neither files nor ignored signals to the new image")
  func leavesNothing() async {
    await #expect(processExitsWith: .exitCode(7)) {
      #expect(dup2(0, 57) == 57)
      signal(SIGTERM, SIG_IGN)
      let script = "test -e /proc/self/fd/57 && exit 1; kill -TERM $$; exit 2"
      // The inner shell dies of the signal, the outer one tells.
      let outer = "sh -c '\(script)'; test $? = 143 && exit 7; exit 3"
      try ProcessHardening.replace(image: "/bin/sh", arguments: ["sh", "-c", outer])
    }
  }

  @Test("says so if the image can't be replaced")
  func reportsFailure() async {
    await #expect(processExitsWith: .success) {
      let error = #expect(throws: SecretsError.self) {
        try ProcessHardening.replace(image: "/nowhere/at/all", arguments: ["x"])
      }
      #expect(error?.code == .executionFailed)
    }
  }
}
