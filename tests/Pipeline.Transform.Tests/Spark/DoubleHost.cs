using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using System.Text;
using System.Text.Json;
using DuckDB.NET.Data;
using Pipeline.DuckDb;

namespace Pipeline.Transform.Tests.Spark;

/// <summary>The DuckDB of one program that runs on the double of PySpark: statements come as lines of JSON over loopback, and rows go back.</summary>
internal sealed class DoubleHost : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly DuckDbSession _session = DuckDbSession.Open(new DuckDbSettings(512L << 20, 2, Path.GetTempPath()), CancellationToken.None);
    private readonly Func<string, bool> _isHeld;
    private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _serving;

    /// <param name="isHeld">Statements that are never answered.</param>
    public DoubleHost(Func<string, bool>? isHeld = null)
    {
        _isHeld = isHeld ?? (_ => false);
        _listener.Start();
        _serving = ServeAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Ends when a statement has come that is held.</summary>
    public Task Held => _held.Task;

    public async ValueTask DisposeAsync()
    {
        _listener.Dispose();
        await _serving;
        _session.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            using var client = await _listener.AcceptTcpClientAsync();
            using var reader = new StreamReader(client.GetStream(), new UTF8Encoding(false));
            await using var writer = new StreamWriter(client.GetStream(), new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };
            while (await reader.ReadLineAsync() is { } line)
            {
                var sql = JsonSerializer.Deserialize<string>(line)!;
                if (_isHeld(sql)) _held.TrySetResult();
                else await writer.WriteLineAsync(Answer(sql));
            }
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            // The program has ended, or never came.
        }
    }

    private string Answer(string sql)
    {
        try
        {
            return JsonSerializer.Serialize(new { rows = _session.Rows(sql).Select(row => row.Select(Value)) });
        }
        catch (DuckDBException e)
        {
            return JsonSerializer.Serialize(new { error = e.Message });
        }
    }

    private static object? Value(object? value) => value switch
    {
        null or bool or string => value,
        BigInteger number => (long)number,
        sbyte or short or int or long or byte => Convert.ToInt64(value, CultureInfo.InvariantCulture),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture),
    };
}
