// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel
internal import Foundation

/// What a check of the audit record found.
struct AuditVerification: Encodable {
  /// Entries that were checked.
  var entries: UInt64
  /// What the record begins after.
  var base: AuditHead
  /// Where it ends, or where it was sound to.
  var head: AuditHead
  /// The first entry that does not fit, nil if all do.
  var fault: String?
  /// Nodes that were told something else.
  var contradictions: [String]
  /// Nodes that bear the record out.
  var witnesses: Int
  /// What could not be checked, nil if nothing.
  var remark: String?
  /// Why the record's beginning can't have gone by itself, nil if it can.
  var removal: String?
}

/// The audit record as a file: what it begins after, an entry on each line, where it ends.
enum AuditExport {
  /// The first line. Exports of the first format had no `format`, and no end.
  struct Opening: Codable {
    /// What the exports of this version are.
    static let format = 2

    var sequence: UInt64
    var hash: AuditHash
    var format: Int?
    /// What the whole record began after, and how many entries it keeps at least.
    var record: AuditHead?
    var retained: UInt64?

    init(_ base: AuditHead, of page: AuditPage? = nil) {
      (sequence, hash, format) = (base.sequence, base.hash, Self.format)
      (record, retained) = (page?.base, page?.retained)
    }

    var base: AuditHead { AuditHead(sequence: sequence, hash: hash) }
  }

  /// The last line.
  struct End: Codable { var end: AuditHead }

  static func verify(_ path: String) throws(OperatorFailure) -> AuditVerification {
    let data: Data
    do { data = try Data(contentsOf: URL(fileURLWithPath: path)) } catch {
      throw OperatorFailure(.invalid, what: "The export \(path) can't be read.", why: error.localizedDescription)
    }
    let lines = data.split(separator: UInt8(ascii: "\n"))
    let decoder = JSONDecoder()
    guard let first = lines.first, let opening = try? decoder.decode(Opening.self, from: first) else {
      throw OperatorFailure(
        .invalid, what: "\(path) is no export of the audit record.",
        why: "Its first line does not say what it begins after.",
        next: "Make one with: keyfold audit export > FILE")
    }
    return check(lines.dropFirst(), after: opening)
  }

  private static func check(_ lines: ArraySlice<Data>, after opening: Opening) -> AuditVerification {
    var result = AuditVerification(
      entries: 0, base: opening.base, head: opening.base, contradictions: [], witnesses: 0)
    let decoder = JSONDecoder()
    var end: AuditHead?
    for line in lines {
      if end != nil {
        result.fault = "there is more behind the end mark"
      } else if let mark = try? decoder.decode(End.self, from: line) {
        end = mark.end
        if mark.end != result.head { result.fault = "the end mark is of \(mark.end)" }
      } else if let link = try? decoder.decode(AuditLink.self, from: line) {
        AuditReading.check([link], into: &result)
      } else {
        result.fault = "audit entry \(result.head.sequence + 1): the line is no entry"
      }
      if result.fault != nil { return result }
    }
    if let record = opening.record, let retained = opening.retained {
      result.removal = record.removal(before: result.head, retained: retained)
    }
    if end == nil, (opening.format ?? 1) >= Opening.format {
      result.fault = "the file has no end mark: it was cut behind \(result.head)"
    } else if end == nil {
      result.remark = "The file has no end mark (an older keyfold made it): whether it was cut can't be told."
    }
    return result
  }
}
