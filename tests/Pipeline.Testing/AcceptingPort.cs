using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Pipeline.Testing;

/// <summary>A port of this machine whose connections are served beside each other until it is disposed.</summary>
public sealed class AcceptingPort : IAsyncDisposable
{
    private readonly TcpListener _listener;
    private readonly Func<Socket, CancellationToken, Task> _serve;
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentBag<Task> _served = [];
    private readonly Task _accepting;

    /// <param name="serve">Serves one connection, which is its own to close, and ends when it is cancelled. Fails where the test is to fail.</param>
    /// <param name="address">Where it listens; null for 127.0.0.1.</param>
    public AcceptingPort(Func<Socket, CancellationToken, Task> serve, IPAddress? address = null)
    {
        _serve = serve;
        _listener = new TcpListener(address ?? IPAddress.Loopback, 0);
        _listener.Start();
        EndPoint = (IPEndPoint)_listener.LocalEndpoint;
        _accepting = AcceptAsync();
    }

    public IPEndPoint EndPoint { get; }

    public int Port => EndPoint.Port;

    /// <summary>Ends every connection, and fails with what serving them has failed with.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        // Ended by its token alone: what a listener says that is stopped meanwhile depends on where its loop is.
        await _accepting;
        _listener.Stop();
        await Task.WhenAll(_served);
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _served.Add(_serve(await _listener.AcceptSocketAsync(_stop.Token), _stop.Token));
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Disposed.
        }
    }
}
