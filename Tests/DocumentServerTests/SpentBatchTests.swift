// SPDX-License-Identifier: GPL-3.0-or-later
import Documents
import Testing

@testable import DocumentServer

@Suite("A batch whose time is over still gets on")
struct SpentBatchTests {
  /// Of an insert, the statement and the document it writes count.
  private static let insertsPerStep = 250

  @Test("it carries out so many statements in each step, or reading what was done before would be paid for each")
  func floor() async throws {
    let session = Session()
    session.engine.spendWrites(after: 0)
    let documents = (0..<(4 * Self.insertsPerStep)).map { BSONValue.document(["_id": .integer($0)]) }
    let before = session.engine.writeCount
    let reply = try await session.accept(["insert": "c", "documents": .array(of: documents)])
    #expect(reply.number("n") == 4 * Self.insertsPerStep)
    #expect(session.engine.writeCount - before == 4)
  }

  @Test("a batch that has time is one step")
  func unspent() async throws {
    let session = Session()
    let documents = (0..<(4 * Self.insertsPerStep)).map { BSONValue.document(["_id": .integer($0)]) }
    let before = session.engine.writeCount
    _ = try await session.accept(["insert": "c", "documents": .array(of: documents)])
    #expect(session.engine.writeCount - before == 1)
  }
}
