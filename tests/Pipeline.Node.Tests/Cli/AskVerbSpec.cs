using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

/// <summary>What programs get of a stream of events.</summary>
public sealed class AskVerbSpec : IDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Uri _url = new($"http://127.0.0.1:{LoopbackPort.Free()}/");

    public AskVerbSpec()
    {
        _listener.Prefixes.Add(_url.ToString());
        _listener.Start();
    }

    public void Dispose() => ((IDisposable)_listener).Dispose();

    [Fact]
    public async Task Each_event_is_a_document_on_a_line_as_it_comes_and_how_the_stream_ended_is_the_last()
    {
        await using var asking = NodeProcess.StartIn(new Dictionary<string, string>(StringComparer.Ordinal) { ["PIPELINE_TOKEN"] = "a" }, "ask", "/v1/events/stream", "--url", _url.ToString(), "-o", "json");
        var response = (await _listener.GetContextAsync().WaitAsync(Deadlines.Test, TestContext.Current.CancellationToken)).Response;
        response.ContentType = "text/event-stream";
        response.SendChunked = true;

        // Nothing of what is said next has been said when the one before is printed.
        await SayAsync(response, "retry: 2000\n\nid: a-1\nevent: committed\ndata: {\"version\":7}\n\n");
        await asking.WaitForDataAsync("\"version\":7");
        await SayAsync(response, ":\n\nid: a-2\nevent: halted\ndata: {\"code\":\"gap\"}\n\n");
        await asking.WaitForDataAsync("\"code\":\"gap\"");
        asking.Interrupt();

        var run = await asking.WaitForEndAsync();
        var documents = run.Data.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).ToList();
        Assert.Equal(["committed a-1 7", "halted a-2 "], documents.SkipLast(1).Select(one => $"{one["event"]} {one["id"]} {one["answer"]!["version"]}"));
        Assert.All(documents, one => Assert.Equal("pipeline ask", (string)one["schema"]!));
        Assert.Equal((ExitCode.Interrupted, ExitCode.Interrupted), (run.ExitCode, (int)documents[^1]["exit_code"]!));
    }

    private static async Task SayAsync(HttpListenerResponse response, string frames)
    {
        await response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(frames), TestContext.Current.CancellationToken);
        await response.OutputStream.FlushAsync(TestContext.Current.CancellationToken);
    }
}
