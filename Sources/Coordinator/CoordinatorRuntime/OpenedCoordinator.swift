// SPDX-License-Identifier: GPL-3.0-or-later
internal import CoordinatorCore
internal import DaemonRuntime
internal import Transport

/// A coordinator's data directory, taken and read, before anything listens.
struct OpenedCoordinator: Sendable {
  let directory: String
  let host: String
  let port: UInt16
  let memory: CoordinatorMemory
  let rootKey: RootKey
  let identity: CurveIdentity
  let core: CoordinatorCore
  /// The first operator's file; nil if it was taken away on purpose.
  let operatorFile: OperatorFile?

  /// Writes the address into the operator's file if it is another than before; a port may be a new one at each start.
  func tellOperator(port: UInt16) throws(CoordinatorFault) {
    // An address that stands for all of the machine's is none to connect to.
    let reachable = host == "0.0.0.0" || host == "*" ? "127.0.0.1" : host
    let address = "\(reachable):\(port)"
    guard var file = operatorFile, file.coordinator != address || file.coordinatorKey != identity.publicKey.text else {
      return
    }
    file.coordinator = address
    file.coordinatorKey = identity.publicKey.text
    do { try file.write(directory + "/" + OperatorFile.name) } catch {
      throw CoordinatorFault(.directory, error.description)
    }
  }
}
