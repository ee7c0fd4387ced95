using System.Text.Json.Nodes;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

internal sealed record HeardEvent(string Id, string Kind, JsonNode Data);

/// <summary>Listens to a node's events, as a browser does.</summary>
internal sealed class EventListener : IDisposable
{
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly HttpResponseMessage _response;
    private readonly StreamReader _lines;

    private EventListener(HttpResponseMessage response, Stream stream) => (_response, _lines) = (response, new StreamReader(stream));

    /// <summary>Returns when the node listens to it.</summary>
    public static async Task<EventListener> OpenAsync(WebNode node, string credential, string? lastEventId = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/events/stream") { Headers = { { "Accept", "text/event-stream" } } };
        if (lastEventId is not null) request.Headers.Add("Last-Event-ID", lastEventId);
        var response = await node.SendAsync(credential, request);
        Assert.True(response.IsSuccessStatusCode, response.ToString());
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        var listener = new EventListener(response, await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        Assert.StartsWith("retry:", await listener.LineAsync(), StringComparison.Ordinal);
        return listener;
    }

    public async Task<HeardEvent> NextAsync() => await TryNextAsync() ?? throw new InvalidOperationException("The stream has ended.");

    /// <summary>Null: it has ended.</summary>
    public async Task<HeardEvent?> TryNextAsync()
    {
        var (id, kind) = ("", "");
        while (await LineAsync() is { } line)
        {
            if (line.StartsWith("id: ", StringComparison.Ordinal)) id = line[4..];
            else if (line.StartsWith("event: ", StringComparison.Ordinal)) kind = line[7..];
            else if (line.StartsWith("data: ", StringComparison.Ordinal)) return new HeardEvent(id, kind, JsonNode.Parse(line[6..])!);
        }

        return null;
    }

    public void Dispose()
    {
        _lines.Dispose();
        _response.Dispose();
    }

    private async Task<string?> LineAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadline);
        return await _lines.ReadLineAsync(deadline.Token);
    }
}
