// SPDX-License-Identifier: GPL-3.0-or-later
internal import ClusterModel

/// A node's whole life. Each case says what it means and how it ends.
enum AgentLife: Sendable, Equatable {
  /// The agent runs and waits for its first assignment; ends with it.
  case awaitingSettings
  /// There is an assignment and no data; ends with `formShard`.
  case empty
  /// The shell unwraps and opens, or forms; ends with `onOpened` or `onOpenFailed`.
  case opening(attempt: Int)
  /// The KMS could not be asked; ends with the next attempt, at `retryAt` or with new settings.
  case awaitingKMS(reason: String, retryAt: Milliseconds, attempt: Int)
  /// The engine could not be opened for a reason that may pass; ends with the next attempt, at `retryAt`.
  case retrying(reason: String, retryAt: Milliseconds, attempt: Int)
  /// There is no data that could be opened (`failure` says why, nil if there is none at all), and the shell copies it
  /// anew from another member; ends in `opening`, or as it was before.
  case rebuilding(failure: String?)
  /// Drivers are served; ends in `closing`, or in `failed` when the engine breaks.
  case serving
  /// The shell closes the engine; ends with `onClosed`.
  case closing(AfterClose)
  /// An operator shut it down; ends with `startDatabase`.
  case stopped
  /// A revoked key locked it out; ends at `recheckAt`, or with an assignment that no longer says so.
  case disabled(reason: String, recheckAt: Milliseconds)
  /// Files or keys are damaged; ends with `startDatabase` or a restart.
  case failed(reason: String)
  /// The coordinator does not let this process open the data; ends with an assignment that does.
  case notApproved(reason: String)

  /// What follows a close.
  enum AfterClose: Sendable, Equatable {
    case stop
    case disable(reason: String)
    case restart
    case fail(reason: String)
    case refuse(reason: String)
    case leave
  }

  /// The phase as reported.
  var phase: NodePhase {
    switch self {
    case .awaitingSettings: .awaitingSettings
    case .empty: .empty
    case .opening: .opening
    case .awaitingKMS(let reason, _, _): .awaitingKMS(reason: reason)
    case .retrying(let reason, _, _): .failed(reason: "\(reason); the node tries again by itself")
    case .rebuilding(let failure): failure.map { .failed(reason: $0) } ?? .empty
    case .serving: .serving
    case .closing(.disable(let reason)): .disabled(reason: reason)
    case .closing(.fail(let reason)): .failed(reason: reason)
    case .closing(.refuse(let reason)): .notApproved(reason: reason)
    case .closing(.stop), .closing(.restart), .closing(.leave): .opening
    case .stopped: .stopped
    case .disabled(let reason, _): .disabled(reason: reason)
    case .failed(let reason): .failed(reason: reason)
    case .notApproved(let reason): .notApproved(reason: reason)
    }
  }
}
