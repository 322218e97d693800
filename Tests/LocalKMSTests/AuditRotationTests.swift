// SPDX-License-Identifier: GPL-3.0-or-later
import Foundation
import Testing

@testable import LocalKMS

@Suite("The audit log's files")
struct AuditRotationTests {
  private func entry(_ number: Int) -> AuditEntry {
    AuditEntry(requestID: "r\(number)", clientAddress: "127.0.0.1")
  }

  private func append(_ numbers: ClosedRange<Int>, to log: borrowing AuditLog) -> Bool {
    var isWritten = true
    for number in numbers where !log.append(entry(number)) { isWritten = false }
    return isWritten
  }

  private func numbers(_ lines: [String]) -> [Int] {
    lines.compactMap { line in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return (object?["requestId"] as? String).flatMap { Int($0.dropFirst()) }
    }
  }

  @Test("are put aside at a size; the last ones are kept, read in order, and nothing grows beyond")
  func rotates() throws {
    let folder = TestFolder()
    let directory = try StateDirectory(folder.path)
    let log = try AuditLog(in: directory, maximumBytes: 1_000)
    let isWritten = append(1...100, to: log)
    #expect(isWritten)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("audit") }
    #expect(names.sorted() == ["audit.jsonl"] + (1...AuditLog.keptFiles).map { "audit.jsonl.\($0)" })
    for name in names {
      let facts = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")
      #expect((facts[.size] as? Int ?? 0) < 1_000 + 300)
      #expect(facts[.posixPermissions] as? Int == 0o600)
    }
    let all = numbers(try AuditLog.last(1_000, inFolder: folder.path))
    #expect(all.last == 100 && all.count > 10 && all == Array(101 - all.count...100))
    #expect(numbers(try AuditLog.last(7, inFolder: folder.path)) == Array(94...100))
  }

  @Test("that end within a line, as a full disk leaves them, are gone on with on a line of its own")
  func torn() throws {
    let folder = TestFolder()
    let directory = try StateDirectory(folder.path)
    do {
      let log = try AuditLog(in: directory)
      let isWritten = append(1...2, to: log)
      #expect(isWritten)
    }
    let path = "\(folder.path)/\(AuditLog.fileName)"
    let whole = try Data(contentsOf: URL(fileURLWithPath: path))
    try whole.dropLast(20).write(to: URL(fileURLWithPath: path))
    let log = try AuditLog(in: directory)
    let isWritten = append(3...4, to: log)
    #expect(isWritten)
    #expect(numbers(try AuditLog.last(10, inFolder: folder.path)) == [1, 3, 4])
  }

  @Test("of a folder that is no local KMS's are not shown as empty")
  func noFolder() throws {
    let folder = TestFolder()
    let error = #expect(throws: LocalKMSError.self) { try LocalKMSOperator.audit(directory: folder.path) }
    #expect(error?.code == .unreachable)
  }
}
