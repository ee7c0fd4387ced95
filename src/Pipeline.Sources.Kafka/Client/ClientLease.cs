using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Pipeline.Sources.Kafka.Client;

/// <summary>
/// Librdkafka's client as long as somebody here calls it: it is destroyed when Confluent.Kafka and every lease have let go,
/// never under a call, whoever disposes what first.
/// </summary>
internal sealed class ClientLease : IDisposable
{
    private readonly SafeHandle _client;
    private int _isReleased;

    /// <exception cref="ObjectDisposedException">The client is disposed already.</exception>
    public ClientLease(IClient client)
    {
        _client = LibRdKafka.HandleOf(client);
        var isHeld = false;
        _client.DangerousAddRef(ref isHeld);
        Client = _client.DangerousGetHandle();
    }

    /// <summary>Valid until this is disposed.</summary>
    public nint Client { get; }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isReleased, 1) == 0) _client.DangerousRelease();
    }
}
