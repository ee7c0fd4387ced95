using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using Pipeline.Core;

namespace Pipeline.Testing.Kafka;

/// <summary>A <see cref="KafkaProxy"/>'s port in front of one broker.</summary>
internal sealed class KafkaProxyListener : IAsyncDisposable
{
    private readonly KafkaProxy _proxy;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ConcurrentDictionary<TcpClient, Task> _open = [];
    private readonly ConcurrentQueue<Exception> _defects = [];
    private Task _accepting = Task.CompletedTask;

    public KafkaProxyListener(KafkaProxy proxy, IPEndPoint broker)
    {
        (_proxy, Broker) = (proxy, broker);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
    }

    public IPEndPoint Broker { get; }

    public int Port { get; }

    public void Start() => _accepting = AcceptAsync();

    public void CloseConnections()
    {
        foreach (var client in _open.Keys) client.Close();
    }

    /// <exception cref="AggregateException">An answer could not be read: not the client's fault, but the proxy's.</exception>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        _listener.Stop();
        CloseConnections();
        await _accepting;
        await Task.WhenAll(_open.Values);
        _stopping.Dispose();
        if (!_defects.IsEmpty) throw new AggregateException(_defects);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stopping.Token);
                if (_proxy.IsAway)
                {
                    client.Close();
                    continue;
                }

                _open[client] = Task.CompletedTask;
                _open[client] = ServeAsync(client);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        var ended = await Background.FailureAsync(async stopping =>
        {
            using var broker = new TcpClient();
            await broker.ConnectAsync(Broker, stopping);
            await using var connection = new KafkaProxyConnection(_proxy, client.GetStream(), broker.GetStream());
            client.NoDelay = broker.NoDelay = true;
            await connection.RunAsync(stopping);
        }, _stopping.Token);
        client.Close();
        // A side that has left is none of our business.
        if (ended is not (null or IOException or SocketException or ObjectDisposedException or OperationCanceledException)) _defects.Enqueue(ended);
    }
}
