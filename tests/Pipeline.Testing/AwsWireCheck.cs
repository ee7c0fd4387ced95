using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Pipeline.Testing;

/// <summary>
/// An independent reader of AWS's wire in front of a server: it computes each request's signature again, compares request and
/// answer with AWS's own model of the service, and passes them on. The secret and the key are <c>test</c>.
/// </summary>
public sealed class AwsWireCheck : IAsyncDisposable
{
    private static readonly TimeSpan StartDeadline = Deadlines.Test;

    /// <summary>
    /// Runs the script that follows. It reads JSON and nothing that is compressed, and moto_server unzips twice: signatures are read from what was
    /// sent, contents from what is in it, which is passed on.
    /// </summary>
    private const string Unzipping = """
        import gzip, json, runpy, sys, urllib.request
        loads, request = json.loads, urllib.request.Request
        def unzip(data):
            return gzip.decompress(data) if isinstance(data, bytes) and data[:2] == b'\x1f\x8b' else data
        def pass_on(url, data=None, headers={}, **named):
            if any(name.lower() == 'content-encoding' and value == 'gzip' for name, value in headers.items()):
                data = unzip(data)
                headers = {name: value for name, value in headers.items() if name.lower() not in ('content-encoding', 'content-length')}
            return request(url, data=data, headers=headers, **named)
        json.loads = lambda text, *more, **named: loads(unzip(text), *more, **named)
        urllib.request.Request = pass_on
        sys.argv = sys.argv[1:]
        runpy.run_path(sys.argv[0], run_name='__main__')
        """;

    private readonly OutsideProgram _program;

    private AwsWireCheck(OutsideProgram program, Uri url) => (_program, Url) = (program, url);

    public Uri Url { get; }

    /// <summary>The check, or what this machine lacks for it.</summary>
    /// <param name="secret">What the signatures are to be made with.</param>
    public static async Task<(AwsWireCheck? Check, string Missing)> TryStartAsync(Uri upstream, CancellationToken cancellationToken, string secret = "test")
    {
        if (SharedFiles.Find("tools/awscheck.py") is not { } script) return (null, "There is no shared/tools/awscheck.py beside the checkout.");
        var port = LoopbackPort.Free();
        if (OutsideProgram.TryStart("python3", ["-u", "-c", Unzipping, script, $"{port}", upstream.ToString().TrimEnd('/'), "test", secret]) is not { } program) return (null, "There is no python3.");
        await ListeningAsync(port, cancellationToken);
        return (new AwsWireCheck(program, new Uri($"http://127.0.0.1:{port}")), "");
    }

    /// <summary>Ends it: what it has said of each request, in their order.</summary>
    public async Task<IReadOnlyList<AwsVerdict>> EndAsync()
    {
        await _program.DisposeAsync();
        return [.. (await _program.LinesAsync()).Where(line => line.StartsWith('{')).Select(AwsVerdict.Read)];
    }

    public ValueTask DisposeAsync() => _program.DisposeAsync();

    /// <summary>The script says nothing when it is ready: it is, when it takes a connection.</summary>
    private static async Task ListeningAsync(int port, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(StartDeadline);
        while (true)
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync(IPAddress.Loopback, port, deadline.Token);
                return;
            }
            catch (SocketException)
            {
                await Task.Delay(20, deadline.Token);
            }
        }
    }
}

/// <summary>What was said of one request and its answer.</summary>
/// <param name="Request">What is wrong with the request; empty: nothing.</param>
/// <param name="Response">What is wrong with the answer; empty: nothing.</param>
public sealed record AwsVerdict(string? Service, string Operation, IReadOnlyList<string> Request, int Status, IReadOnlyList<string> Response)
{
    public static AwsVerdict Read(string line)
    {
        using var json = JsonDocument.Parse(line);
        var operation = json.RootElement.GetProperty("op");
        return new AwsVerdict(operation[0].GetString(), operation[1].GetString()!, Errors("request"), json.RootElement.GetProperty("status").GetInt32(), Errors("response"));

        IReadOnlyList<string> Errors(string name) =>
            json.RootElement.GetProperty(name) is { ValueKind: JsonValueKind.Array } errors ? [.. errors.EnumerateArray().Select(error => error.GetString()!)] : [];
    }

    public override string ToString() => $"{Service}.{Operation} {Status}: request {(Request.Count == 0 ? "ok" : string.Join("; ", Request))}, answer {(Response.Count == 0 ? "ok" : string.Join("; ", Response))}";
}
