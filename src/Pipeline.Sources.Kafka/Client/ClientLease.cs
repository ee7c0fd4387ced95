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
    public ClientLease(IClient client) : this(LibRdKafka.HandleOf(client))
    {
    }

    private ClientLease(SafeHandle client)
    {
        _client = client;
        var isHeld = false;
        _client.DangerousAddRef(ref isHeld);
    }

    /// <summary>Valid until this is disposed.</summary>
    /// <exception cref="ObjectDisposedException">It is.</exception>
    public nint Client
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _isReleased) != 0, this);
            return _client.DangerousGetHandle();
        }
    }

    /// <summary>Another lease of the same client, for a call that may outlast this one.</summary>
    /// <exception cref="ObjectDisposedException">The client has ended.</exception>
    public ClientLease Share() => new(_client);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _isReleased, 1) == 0) _client.DangerousRelease();
    }
}
