using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Pipeline.Testing;

/// <summary>Stands between the source and the server, and can cut all connections, as a failing network does.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly ConcurrentDictionary<Socket, byte> _open = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly int _targetPort;
    private readonly Task _accepting;
    private volatile bool _isRefusing;

    /// <param name="targetPort">On 127.0.0.1.</param>
    /// <param name="address">Where it listens; null for 127.0.0.1.</param>
    public TcpProxy(int targetPort, IPAddress? address = null)
    {
        _targetPort = targetPort;
        _listener = new TcpListener(address ?? IPAddress.Loopback, 0);
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _accepting = AcceptAsync();
    }

    public int Port { get; }

    /// <summary>Cuts every connection; new ones are refused until <see cref="Restore"/>.</summary>
    public void Cut()
    {
        _isRefusing = true;
        foreach (var socket in _open.Keys) socket.Close(timeout: 0);
    }

    public void Restore() => _isRefusing = false;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Stop();
        Cut();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptSocketAsync(_stop.Token);
                if (_isRefusing)
                {
                    client.Close(timeout: 0);
                    continue;
                }

                var server = new Socket(SocketType.Stream, ProtocolType.Tcp);
                try
                {
                    await server.ConnectAsync(IPAddress.Loopback, _targetPort, _stop.Token);
                }
                catch (SocketException)
                {
                    // The server is away: whoever asked for it hears so.
                    client.Close(timeout: 0);
                    server.Close();
                    continue;
                }

                _open[client] = _open[server] = 0;
                _ = PumpAsync(client, server);
                _ = PumpAsync(server, client);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // Closed.
        }
    }

    private async Task PumpAsync(Socket from, Socket to)
    {
        var buffer = new byte[16 << 10];
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer, _stop.Token)) > 0) await to.SendAsync(buffer.AsMemory(0, read), _stop.Token);
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // One side is gone: so is the other.
        }

        from.Close();
        to.Close();
        _open.TryRemove(from, out _);
        _open.TryRemove(to, out _);
    }
}
