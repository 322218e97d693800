// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Logging
import Synchronization
import Secrets
import Testing

@testable import ClusterModel
@testable import DaemonRuntime

/// A folder of the test's own, removed at its end.
private func withFolder(_ body: (String) throws -> Void) throws {
  let folder = NSTemporaryDirectory() + "keyfold-" + UUID().uuidString
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder)
}

@Suite("A daemon's files are whole and private")
struct DaemonFilesTests {
  @Test("replaces a file and leaves nothing beside it, also after an interrupted write")
  func replaces() throws {
    try withFolder { folder in
      let path = folder + "/state"
      try Data("half".utf8).write(to: URL(fileURLWithPath: path + ".new"))
      try DurableFile.replace(path, with: Array("one".utf8))
      try DurableFile.replace(path, with: Array("two".utf8))
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "two")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["state"])
      let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? NSNumber
      #expect(mode?.intValue == 0o600)
    }
  }

  @Test("writes a ready file that tells process, version and ports, and removes an earlier run's")
  func readyFile() throws {
    try withFolder { folder in
      let ready = ReadyFile(ports: ["control": 7440], publicKey: "k")
      try ready.write(to: folder)
      let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/ready.json"))
      #expect(try JSONDecoder().decode(ReadyFile.self, from: data) == ready)
      #expect(ready.pid == ProcessInfo.processInfo.processIdentifier)
      try ReadyFile.remove(from: folder)
      try ReadyFile.remove(from: folder)
      #expect(!DurableFile.exists(folder + "/ready.json"))
    }
  }

  @Test("makes nested folders once")
  func folders() throws {
    try withFolder { folder in
      try DurableFile.makeFolder(folder + "/a/b")
      try DurableFile.makeFolder(folder + "/a/b")
      #expect(DurableFile.exists(folder + "/a/b"))
    }
  }
}

@Suite("A log event is one line")
struct LineLogHandlerTests {
  private func line(_ format: LineLogHandler.Format, _ message: String, _ metadata: Logger.Metadata) -> String {
    let lines = Mutex<[String]>([])
    let handler = LineLogHandler(
      label: "test", level: LogLevel(.info), format: format, write: { text in lines.withLock { $0.append(text) } },
      now: { OperatorTime(milliseconds: 0) })
    var logger = Logger(label: "test") { _ in handler }
    logger[metadataKey: "node"] = "a"
    logger.warning("\(message)", metadata: metadata)
    logger.debug("not written")
    return lines.withLock { $0.joined() }
  }

  @Test("writes text with fields in order")
  func text() {
    #expect(line(.text, "hello", ["b": "2"]) == "1970-01-01T00:00:00.000Z WARNING  test: hello b=2 node=a\n")
  }

  @Test("writes JSON with fields beside the message, which none of them can replace")
  func json() throws {
    let written = line(.json, "hello", ["message": "forged", "b": "2"])
    let object = try JSONDecoder().decode([String: String].self, from: Data(written.utf8))
    #expect(
      object == [
        "time": "1970-01-01T00:00:00.000Z", "level": "warning", "logger": "test", "message": "hello", "b": "2",
        "node": "a",
      ])
  }

  @Test("lets no message forge a second line")
  func oneLine() {
    #expect(line(.text, "a\nERROR b", ["c": "\r\nd"]).filter { $0 == "\n" || $0 == "\r\n" || $0 == "\r" } == "\n")
    #expect(line(.json, "a\nb", [:]).filter { $0 == "\n" } == "\n")
  }
}

@Suite("A misspelt word finds its neighbour")
struct SpellingTests {
  @Test("finds the nearest word", arguments: [("lsiten", "listen"), ("DATA", "data"), ("checkSecond", "checkSeconds")])
  func nearest(pair: (String, String)) {
    #expect(Spelling.nearest(to: pair.0, among: ["data", "listen", "checkSeconds"]) == pair.1)
  }

  @Test("finds none if none is near")
  func none() { #expect(Spelling.nearest(to: "zzzzzz", among: ["data", "listen"]) == nil) }
}
