// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// The `cursor` field of a reply.
enum CursorReply {
  static func make(_ batchName: String, _ batch: [Document], id: Int64, namespace: String) -> Document {
    var cursor = DocumentBuilder()
    cursor.append(batchName, .array(of: batch.lazy.map { .document($0) }))
    cursor.append("id", .int64(id))
    cursor.append("ns", .string(namespace))
    return ["cursor": .document(cursor.finish())]
  }
}

extension CommandInterpreter {
  /// Answers with results that were computed at once, and keeps a cursor for those that don't fit.
  func firstReply(_ results: [Document], size: BatchSize, isSingle: Bool = false, namespace: String) throws -> Document
  {
    var rest = results[...]
    let batch = Batch.take(size, from: &rest)
    let id = rest.isEmpty || isSingle ? 0 : try cursors.open(.results(KeptResults(rest)), namespace: namespace)
    return CursorReply.make("firstBatch", batch, id: id, namespace: namespace)
  }
}
