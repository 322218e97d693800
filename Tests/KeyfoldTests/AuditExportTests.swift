// SPDX-License-Identifier: GPL-3.0-or-later
import AuditTrail
import ClusterModel
import Foundation
import Testing

@testable import keyfold

@Suite("An export of the audit record")
struct AuditExportTests {
  private static func links(_ count: Int) throws -> [AuditLink] {
    var head = AuditHead.empty
    return try (1...count).map { number in
      let entry = AuditEntry(
        at: OperatorTime(milliseconds: Int64(number)), by: .coordinator, action: "try", subject: "shop",
        detail: "\(number)")
      let link = try AuditChain.link(entry, after: head)
      head = link.head
      return link
    }
  }

  private static func lines(_ links: [AuditLink]) throws -> [String] {
    [Terminal.text(of: AuditExport.Opening(.empty), compact: true)]
      .compactMap { $0 } + links.compactMap { Terminal.text(of: $0, compact: true) }
      + [Terminal.text(of: AuditExport.End(end: links.last?.head ?? .empty), compact: true)].compactMap { $0 }
  }

  private static func verify(_ text: String) throws -> AuditVerification {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("keyfold-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return try AuditExport.verify(path)
  }

  @Test("is sound as it was written")
  func whole() throws {
    let result = try Self.verify(try Self.lines(try Self.links(5)).joined(separator: "\n") + "\n")
    #expect(result.fault == nil && result.remark == nil && result.entries == 5)
  }

  @Test("shows that it was cut, wherever")
  func cut() throws {
    let text = try Self.lines(try Self.links(5)).joined(separator: "\n") + "\n"
    let bytes = Array(text.utf8)
    let opening = try #require(bytes.firstIndex(of: UInt8(ascii: "\n"))) + 1
    for length in opening..<bytes.count - 1 {
      #expect(try Self.verify(String(decoding: bytes.prefix(length), as: UTF8.self)).fault != nil, "at \(length)")
    }
  }

  @Test("with a line left out before the end, or added behind it, is not sound")
  func changed() throws {
    var lines = try Self.lines(try Self.links(5))
    #expect(try Self.verify((lines + ["{}"]).joined(separator: "\n")).fault != nil)
    lines.remove(at: 5)
    #expect(try Self.verify(lines.joined(separator: "\n")).fault?.contains("end mark") == true)
  }

  @Test("of an older keyfold has no end mark, which is said and is no fault")
  func older() throws {
    let lines = try Self.lines(try Self.links(2))
    let base = try #require(Terminal.text(of: AuditHead.empty, compact: true))
    let result = try Self.verify(([base] + lines[1...2]).joined(separator: "\n"))
    #expect(result.fault == nil && result.entries == 2 && result.remark?.contains("no end mark") == true)
  }

  @Test("of a record whose oldest entries were removed says so, whatever it begins after itself")
  func beginning() throws {
    let links = try Self.links(9)
    func export(after index: Int, base: AuditHead, retained: UInt64) throws -> AuditVerification {
      let page = AuditPage(links: [], base: base, head: links[8].head, witnesses: [], retained: retained)
      let lines =
        [Terminal.text(of: AuditExport.Opening(links[index].head, of: page), compact: true)]
        + links[(index + 1)...].map { Terminal.text(of: $0, compact: true) }
        + [Terminal.text(of: AuditExport.End(end: links[8].head), compact: true)]
      return try Self.verify(lines.compactMap { $0 }.joined(separator: "\n"))
    }
    let cut = try export(after: 3, base: links[3].head, retained: 6)
    #expect(cut.fault == nil && cut.removal?.contains("entries 1 to 4 were removed") == true)
    #expect(try export(after: 5, base: links[3].head, retained: 6).removal != nil)
    #expect(try export(after: 3, base: links[3].head, retained: 5).removal == nil)
    #expect(try export(after: 3, base: .empty, retained: 6).removal == nil, "a part of a whole record")
  }
}
