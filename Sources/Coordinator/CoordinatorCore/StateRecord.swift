// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import Foundation

/// The kinds of records; the raw value is what the store keeps.
public enum RecordKind: String, Sendable, Codable, CaseIterable {
  case project, cluster, node, keys, plan, alert, ipList = "ip-list", operatorKey = "operator"
  case restoration, mail, mailServer = "mail-server", token
}

/// Where one record is kept.
public struct RecordKey: Sendable, Hashable, Comparable {
  /// The record's kind.
  public let kind: RecordKind
  /// Its id within the kind.
  public let id: String

  /// Makes a key of its parts.
  public init(kind: RecordKind, id: String) {
    self.kind = kind
    self.id = id
  }

  /// Orders by kind and id, so that transactions are written in one order.
  public static func < (left: RecordKey, right: RecordKey) -> Bool {
    (left.kind.rawValue, left.id) < (right.kind.rawValue, right.id)
  }
}

/// One thing the coordinator remembers.
public enum StateRecord: Sendable, Equatable {
  /// A project with its KMS settings.
  case project(ProjectRecord)
  /// A cluster and what is wanted of it.
  case cluster(ClusterRecord)
  /// An enrolled node and what is recorded of it.
  case node(NodeRecord)
  /// The keys a node reported.
  case keys(KeysRecord)
  /// A plan, open or finished.
  case plan(PlanRecord)
  /// An alert, open or closed.
  case alert(AlertRecord)
  /// The IP list.
  case ipList(IPList)
  /// An operator's public key.
  case operatorKey(OperatorRecord)
  /// That the store was restored from a copy.
  case restoration(RestorationRecord)

  /// A mail to the owners of a project.
  case mail(MailRecord)
  /// The mail server.
  case mailServer(MailServerRecord)
  /// A one-time token for a node's enrolment.
  case token(TokenRecord)

  /// The id of the only mail server.
  static let mailServerID = "current"
  /// The id of the only IP list.
  static let ipListID = "current"
  /// The id of the only record that the store was restored.
  static let restorationID = "current"

  /// Where it is kept.
  public var key: RecordKey {
    switch self {
    case .project(let record): RecordKey(kind: .project, id: record.name.text)
    case .cluster(let record): RecordKey(kind: .cluster, id: record.name.text)
    case .node(let record): RecordKey(kind: .node, id: record.name.text)
    case .keys(let record): RecordKey(kind: .keys, id: record.node.text)
    case .plan(let record): RecordKey(kind: .plan, id: record.id.text)
    case .alert(let record): RecordKey(kind: .alert, id: record.id)
    case .ipList: RecordKey(kind: .ipList, id: Self.ipListID)
    case .operatorKey(let record): RecordKey(kind: .operatorKey, id: record.name.text)
    case .restoration: RecordKey(kind: .restoration, id: Self.restorationID)
    case .mail(let record): RecordKey(kind: .mail, id: record.id)
    case .mailServer: RecordKey(kind: .mailServer, id: Self.mailServerID)
    case .token(let record): RecordKey(kind: .token, id: record.publicKey)
    }
  }

  /// The record as JSON; throws `CoordinatorError` if it has none.
  public func json() throws(CoordinatorError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return switch self {
      case .project(let record): try [UInt8](encoder.encode(record))
      case .cluster(let record): try [UInt8](encoder.encode(record))
      case .node(let record): try [UInt8](encoder.encode(record))
      case .keys(let record): try [UInt8](encoder.encode(record))
      case .plan(let record): try [UInt8](encoder.encode(record))
      case .alert(let record): try [UInt8](encoder.encode(record))
      case .ipList(let record): try [UInt8](encoder.encode(record))
      case .operatorKey(let record): try [UInt8](encoder.encode(record))
      case .restoration(let record): try [UInt8](encoder.encode(record))
      case .mail(let record): try [UInt8](encoder.encode(record))
      case .mailServer(let record): try [UInt8](encoder.encode(record))
      case .token(let record): try [UInt8](encoder.encode(record))
      }
    } catch {
      throw CoordinatorError(.damagedState, "The \(key.kind.rawValue) \(key.id) has no JSON.", why: "\(error)")
    }
  }

  /// Reads a record back; throws `CoordinatorError` if the JSON is none of this kind or belongs under another id.
  public init(key: RecordKey, json: [UInt8]) throws(CoordinatorError) {
    let decoder = JSONDecoder()
    let data = Data(json)
    do {
      self =
        switch key.kind {
        case .project: .project(try decoder.decode(ProjectRecord.self, from: data))
        case .cluster: .cluster(try decoder.decode(ClusterRecord.self, from: data))
        case .node: .node(try decoder.decode(NodeRecord.self, from: data))
        case .keys: .keys(try decoder.decode(KeysRecord.self, from: data))
        case .plan: .plan(try decoder.decode(PlanRecord.self, from: data))
        case .alert: .alert(try decoder.decode(AlertRecord.self, from: data))
        case .ipList: .ipList(try decoder.decode(IPList.self, from: data))
        case .operatorKey: .operatorKey(try decoder.decode(OperatorRecord.self, from: data))
        case .restoration: .restoration(try decoder.decode(RestorationRecord.self, from: data))
        case .mail: .mail(try decoder.decode(MailRecord.self, from: data))
        case .mailServer: .mailServer(try decoder.decode(MailServerRecord.self, from: data))
        case .token: .token(try decoder.decode(TokenRecord.self, from: data))
        }
    } catch {
      throw CoordinatorError(
        .damagedState, "The stored \(key.kind.rawValue) \(key.id) can't be read.", why: "\(error)",
        next: "Restore the coordinator's store from a copy.")
    }
    guard self.key == key else {
      throw CoordinatorError(
        .damagedState, "The stored \(key.kind.rawValue) \(key.id) says it is \(self.key.id).",
        next: "Restore the coordinator's store from a copy.")
    }
  }
}

/// One change of what the coordinator remembers.
public enum RecordChange: Sendable, Equatable {
  /// Write or replace this record.
  case put(StateRecord)
  /// Forget the record with this key.
  case remove(RecordKey)
  /// Append to the audit record, for good.
  case append(AuditEntry)
}
