// SPDX-License-Identifier: GPL-3.0-or-later

/// The parts of an HTTP request that an AWS signature covers; pure.
package struct SignableRequest: Sendable {
  /// The method, upper case.
  package var method: String
  /// The path as it stands in the request line, percent-encoded, without the query.
  package var path: String
  /// The query as it stands in the request line, without the question mark.
  package var query: String
  /// The headers to sign.
  package var headers: [(name: String, value: String)]
  /// SHA-256 of the body, lower-case hexadecimal.
  package var payloadHash: String

  /// Makes a request of its parts.
  package init(
    method: String, path: String, query: String = "", headers: [(name: String, value: String)], payloadHash: String
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.payloadHash = payloadHash
  }

  /// The names of the headers, lower case, sorted, with semicolons between.
  package var signedHeaders: String { sortedHeaders.map(\.name).joined(separator: ";") }

  /// The canonical form of the request ("Create a canonical request").
  package var canonical: String {
    let headerLines = sortedHeaders.map { "\($0.name):\($0.value)\n" }.joined()
    return [method, path.isEmpty ? "/" : path, canonicalQuery, headerLines, signedHeaders, payloadHash]
      .joined(separator: "\n")
  }

  /// What the signature is made over ("Create a string to sign").
  package func stringToSign(time: CivilTime, scope: SignatureScope) -> String {
    let hash = Hexadecimal.text(SigningHash.sha256(canonical))
    return "AWS4-HMAC-SHA256\n\(time.basic)\n\(scope.text)\n\(hash)"
  }

  /// Lower-case names, trimmed values with inner runs of spaces folded, values of one name joined with commas.
  private var sortedHeaders: [(name: String, value: String)] {
    var values: [String: [String]] = [:]
    for header in headers {
      let words = header.value.split(whereSeparator: { $0 == " " || $0 == "\t" })
      values[header.name.lowercased(), default: []].append(words.joined(separator: " "))
    }
    return values.map { (name: $0.key, value: $0.value.joined(separator: ",")) }
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  /// The parameters sorted by name, then by value; each has an equals sign.
  private var canonicalQuery: String {
    query.split(separator: "&")
      .map { $0.contains("=") ? String($0) : "\($0)=" }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      .joined(separator: "&")
  }
}
