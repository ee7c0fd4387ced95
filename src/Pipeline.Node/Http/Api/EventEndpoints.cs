using System.Text;
using Microsoft.AspNetCore.Http;
using Pipeline.Node.Http.Access;
using Pipeline.Node.Http.Api.Documents;
using Pipeline.Node.Http.Events;
using Pipeline.Operations.Control;

namespace Pipeline.Node.Http.Api;

/// <summary>What happens to the tables, of all nodes.</summary>
internal static class EventEndpoints
{
    /// <summary>Milliseconds after which a browser that has lost the stream asks again; the first thing that is said, so that who asked knows he is heard.</summary>
    private static readonly byte[] Hello = Encoding.ASCII.GetBytes("retry: 2000\n\n");

    /// <summary>Nothing has happened: either side sees that the other is there.</summary>
    private static readonly byte[] Nothing = Encoding.ASCII.GetBytes(":\n\n");

    private static readonly ApiParameter Since = new("since", "string", "The oldest that is wanted, as 2026-03-01T06:00:00Z; two hours ago where it is not said.");
    private static readonly ApiParameter OfTable = new("table", "string", "Only what is about this table.");

    public static IReadOnlyList<ApiEndpoint> All { get; } =
    [
        ApiEndpoint.Get("/v1/events", ApiAccess.Viewer, "What has happened, from the lake, the oldest first: each halt, each node that came and went, each word of an operator.", ListAsync, Since, OfTable, Pages.Limit, Pages.Cursor),
        new(HttpMethods.Get, "/v1/events/stream", ApiAccess.Viewer, "What happens to the tables, as it happens: server-sent events, which go on behind Last-Event-ID.", StreamAsync) { MediaType = "text/event-stream" },
    ];

    private static async Task<PageDocument<HappeningItem>> ListAsync(ApiCall call)
    {
        var since = call.Time(Since) ?? call.Node.Time.GetUtcNow().AddHours(-2);
        var found = await EventsOfLake.RunAsync(new EventsOfLakeRequest(since, call.Table(OfTable)), call.Node.Record, call.Ended);
        // In the order in which it happened, which is that of the key.
        return Pages.Of(call, found.Events.Select(HappeningItem.Of), item => $"{item.At.UtcTicks:D19} {item.Id}", []);
    }

    private static async Task StreamAsync(ApiCall call)
    {
        var (feed, response) = (call.Node.Events, call.Http.Response);
        using var listening = feed.TryListen();
        if (listening is null)
        {
            await new ApiProblem(StatusCodes.Status503ServiceUnavailable, "too_many", "This node", $"{EventFeed.ListenersMax} listen to its events already", "Ask another node of role web, or GET /v1/events now and then.").WriteAsync(call.Http);
            return;
        }

        response.ContentType = "text/event-stream";
        response.Headers.CacheControl = "no-store";
        if (HttpMethods.IsHead(call.Http.Request.Method)) return;
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(call.Ended, feed.Ended);
        await response.Body.WriteAsync(Hello, ends.Token);
        var place = call.Http.Request.Headers["Last-Event-ID"] is [{ Length: > 0 } last] ? feed.PlaceBehind(last) : feed.Newest;
        var isFirst = true;
        while (!ends.IsCancellationRequested && call.Node.Gate.IsGood(call.Caller))
        {
            var more = feed.MoreAsync();
            if (place is not { } from || feed.FramesFrom(from) is not var (frames, behind))
            {
                // What was missed is not kept: the listener looks at all anew and goes on from here.
                var newest = feed.Newest;
                (place, frames) = (newest, Encoding.UTF8.GetBytes($"event: reset\n{(newest > 0 ? $"id: {feed.Process}-{newest - 1}\n" : "")}data: {{}}\n\n"));
            }
            else place = behind;
            if (frames.Length > 0) await response.Body.WriteAsync(frames, ends.Token);
            else if (!isFirst) await response.Body.WriteAsync(Nothing, ends.Token);
            await response.Body.FlushAsync(ends.Token);
            isFirst = false;
            if (place >= feed.Newest) await more.WaitAsync(ends.Token);
        }
    }
}
