using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using Pipeline.Core;

namespace Pipeline.Testing.Kafka;

/// <summary>A <see cref="KafkaProxy"/>'s port in front of one broker.</summary>
internal sealed class KafkaProxyListener : IAsyncDisposable
{
    private readonly KafkaProxy _proxy;
    private readonly AcceptingPort _port;
    private readonly ConcurrentDictionary<Socket, byte> _open = [];

    public KafkaProxyListener(KafkaProxy proxy, IPEndPoint broker)
    {
        (_proxy, Broker) = (proxy, broker);
        _port = new AcceptingPort(ServeAsync);
    }

    public IPEndPoint Broker { get; }

    public int Port => _port.Port;

    public void CloseConnections()
    {
        foreach (var client in _open.Keys) client.Close();
    }

    /// <summary>Fails where an answer could not be read: not the client's fault, but the proxy's.</summary>
    public ValueTask DisposeAsync() => _port.DisposeAsync();

    private async Task ServeAsync(Socket client, CancellationToken stopping)
    {
        _open[client] = 0;
        var ended = await Background.FailureAsync(async cancellationToken =>
        {
            // Who is hung up on while it comes is not let through.
            if (_proxy.IsAway) return;
            using var broker = new TcpClient();
            await broker.ConnectAsync(Broker, cancellationToken);
            await using var toClient = new NetworkStream(client, ownsSocket: true);
            await using var connection = new KafkaProxyConnection(_proxy, toClient, broker.GetStream());
            client.NoDelay = broker.NoDelay = true;
            await connection.RunAsync(cancellationToken);
        }, stopping);
        client.Close();
        _open.TryRemove(client, out _);
        // A side that has left is none of our business.
        if (ended is not (null or IOException or SocketException or ObjectDisposedException or OperationCanceledException)) ExceptionDispatchInfo.Throw(ended);
    }
}
