// SPDX-License-Identifier: GPL-3.0-or-later
internal import Documents

/// The results of a query that was computed at once, as far as they were not fetched yet.
struct KeptResults: Sendable {
  /// What a document costs beside its bytes: its place in the array, the header of its storage.
  private static let overhead = 64

  private var documents: ArraySlice<Document>
  private var rest: Int

  /// Bytes that are kept: also those of documents that were fetched, as long as they stand in the same array.
  private(set) var memory: Int

  init(_ documents: ArraySlice<Document>) {
    self.documents = documents
    rest = documents.reduce(0) { $0 + Self.cost($1) }
    memory = rest
    // Of a slice the whole array would stay.
    self.documents = ArraySlice(Array(documents))
  }

  var isEmpty: Bool { documents.isEmpty }

  /// Takes the next batch. Once most of the array was fetched, what is left moves into one of its own.
  mutating func take(_ size: BatchSize) -> [Document] {
    let batch = Batch.take(size, from: &documents)
    for document in batch { rest -= Self.cost(document) }
    if rest <= memory / 2 {
      documents = ArraySlice(Array(documents))
      memory = rest
    }
    return batch
  }

  private static func cost(_ document: Document) -> Int { document.size + overhead }
}
