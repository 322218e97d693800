// SPDX-License-Identifier: GPL-3.0-or-later
public import ClusterModel
internal import Logging
internal import NIOCore

/// Says to a connection's handler next to the socket: end it now, whatever TLS still wants to say.
enum AddressEvent { case end }

/// Stands next to the socket: a connection whose address is not let in is closed before a byte of it is read.
final class AddressCheck: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let isAdmitted: (any Channel) -> Bool

  init(_ isAdmitted: @escaping (any Channel) -> Bool) { self.isAdmitted = isAdmitted }

  func channelActive(context: ChannelHandlerContext) {
    guard isAdmitted(context.channel) else { return context.close(promise: nil) }
    context.fireChannelActive()
  }

  func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
    guard event is AddressEvent else { return context.triggerUserOutboundEvent(event, promise: promise) }
    context.close(promise: promise)
  }
}

/// From which addresses drivers may connect.
extension DocumentServer {
  /// Lets drivers connect from these addresses only, from now on, and ends the connections from others at once: also
  /// those with a command under way. Until then they may connect from anywhere.
  public func admitOnly(_ rule: AddressRule) {
    for channel in connections.admitOnly(rule) {
      noteRefusal(of: channel)
      channel.triggerUserOutboundEvent(AddressEvent.end, promise: nil)
    }
  }

  /// Whether a connection may come from where it does.
  func admits(_ channel: any Channel) -> Bool { connections.admits(channel) }

  /// The same for a new connection: a refusal is counted, and logged once per address and minute.
  func checks(_ channel: any Channel) -> Bool {
    if admits(channel) { return true }
    noteRefusal(of: channel)
    return false
  }

  private func noteRefusal(of channel: any Channel) {
    measures.refused(.address)
    let address = channel.peerAddress ?? "unknown"
    guard connections.allowsLog(of: address, .address) else { return }
    logger.warning(
      "a driver's address is not on the access list; more refusals of it in this minute are only counted",
      metadata: ["address": "\(address)"])
  }
}

extension Channel {
  /// The address of the other end, without port; nil if it is not known any more.
  var peerAddress: String? { remoteAddress?.ipAddress }
}
