using System.Net;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Core;
using Pipeline.Node.Cli;
using Pipeline.Node.Http.Events;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Access;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Http;

/// <summary>Who listens hears each thing that happens once, also over a connection that was lost.</summary>
public sealed class EventsSpec : IDisposable
{
    private static readonly TableId Clicks = TableId.Bronze("events", "clicks");

    private readonly ScratchDirectory _directory = new("pipeline-events-");
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task A_stream_goes_on_behind_the_last_event_that_was_heard()
    {
        await using var node = await WebNode.StartAsync(_directory);
        using var first = await EventListener.OpenAsync(node, "viewer");
        node.Node.Say(Committed(1, 10));
        var heard = await first.NextAsync();
        Assert.Equal(("committed", "bronze/events/clicks", 1, 10), (heard.Kind, (string)heard.Data["table"]!, (int)heard.Data["version"]!, (int)heard.Data["rows"]!));
        first.Dispose();

        // While nobody listens.
        node.Node.Say(Halted());
        node.Node.Say(Committed(2, 20));
        using var second = await EventListener.OpenAsync(node, "viewer", heard.Id);
        var halted = await second.NextAsync();
        Assert.Equal(("halted", "invalid", "Bring it back."), (halted.Kind, (string)halted.Data["code"]!, (string)halted.Data["next_step"]!));
        Assert.Equal("committed", (await second.NextAsync()).Kind);
        node.Node.Say(Committed(3, 30));
        Assert.Equal(3, (int)(await second.NextAsync()).Data["version"]!);
    }

    [Fact]
    public async Task The_command_prints_what_happens_until_it_is_interrupted()
    {
        await using var node = await RunningNode.StartAsync(_directory, "", behind: $"http.socket-directory = \"{Path.Combine(_directory, "s")}\"");
        await using var asking = NodeProcess.Start("ask", "/v1/events/stream", "--config", node.ConfigPath);
        // Said first, so that who asked knows he is heard.
        await asking.WaitForDataAsync("retry: ");

        node.Say(Committed(1, 10));
        await asking.WaitForDataAsync("\"version\":1");
        node.Say(Halted());
        await asking.WaitForDataAsync("Bring it back.");
        asking.Interrupt();

        var run = await asking.WaitForEndAsync();
        Assert.Equal(ExitCode.Interrupted, run.ExitCode);
        Assert.Equal(["event: committed", "event: halted"], run.Data.Split('\n').Select(line => line.TrimEnd()).Where(line => line.StartsWith("event: ", StringComparison.Ordinal)));
        Assert.Contains("Interrupted.", run.Messages, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_missed_and_is_not_kept_is_told_and_not_passed_by()
    {
        await using var node = await WebNode.StartAsync(_directory);

        using var stranger = await EventListener.OpenAsync(node, "viewer", "0badc0de-7");

        Assert.Equal("reset", (await stranger.NextAsync()).Kind);
        node.Node.Say(Committed(1, 10));
        Assert.Equal("committed", (await stranger.NextAsync()).Kind);
    }

    [Fact]
    public async Task A_commit_of_a_source_is_heard_of_a_node_that_made_none_itself()
    {
        await using var node = await WebNode.StartAsync(_directory);
        using var listener = await EventListener.OpenAsync(node, "viewer");

        // Whoever commits announces it to all nodes.
        var heard = listener.NextAsync();
        await node.Node.AnnounceUntilAsync(new BronzeCommitted(Clicks, 4, 12, NewestEventAt: null, _time.GetUtcNow()), heard);

        Assert.Equal(("committed", 4), ((await heard).Kind, (int)(await heard).Data["version"]!));
    }

    [Fact]
    public async Task A_stream_ends_with_the_token_that_opened_it()
    {
        await using var node = await WebNode.StartAsync(_directory);
        using var listener = await EventListener.OpenAsync(node, "viewer");

        new AccessTokens(new HttpAccessOptions { Directory = node.AccessDirectory }, TimeProvider.System).Revoke("viewer");
        node.Node.Say(Committed(1, 10));

        // What it had begun to wait for before may still come; then it ends.
        while (await listener.TryNextAsync() is not null)
        {
        }

        using var refused = await node.GetAsync("viewer", "/v1/events/stream");
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public void More_listeners_than_there_may_be_are_told_so()
    {
        using var feed = new EventFeed(_time);
        var listening = Enumerable.Range(0, EventFeed.ListenersMax).Select(_ => feed.TryListen()).ToList();

        Assert.DoesNotContain(null, listening);
        Assert.Null(feed.TryListen());
        listening[7]!.Dispose();
        Assert.NotNull(feed.TryListen());
    }

    [Fact]
    public void Commits_of_one_table_within_a_moment_are_one_event_with_all_rows()
    {
        using var feed = new EventFeed(_time);
        for (var version = 1; version <= 50; version++) feed.Say(Committed(version, 2));
        feed.Say(Halted());
        Assert.Empty(feed.From(0, 100));

        _time.Advance(EventFeed.Pause);

        Assert.Equal([("committed", 50L, 100L), ("halted", null, null)], feed.From(0, 100).Select(item => (item.Kind, item.Version, item.Rows)));
    }

    [Fact]
    public void What_is_kept_is_bounded_and_a_place_before_it_is_known_as_gone()
    {
        using var feed = new EventFeed(_time);
        for (var i = 0; i < EventFeed.KeptMax + 10; i++)
        {
            feed.Say(Halted());
            _time.Advance(EventFeed.Pause);
        }

        Assert.Equal(EventFeed.KeptMax, feed.From(0, int.MaxValue).Count);
        Assert.Null(feed.FramesFrom(9));
        Assert.NotNull(feed.FramesFrom(10));
        Assert.Null(feed.PlaceBehind($"{feed.Process}-8"));
        Assert.Equal(10, feed.PlaceBehind($"{feed.Process}-9"));
        Assert.Null(feed.PlaceBehind($"{feed.Process}-{feed.Newest}"));
        Assert.Null(feed.PlaceBehind("other-9"));
        Assert.Null(feed.PlaceBehind("rubbish"));
    }

    [Fact]
    public void All_who_are_at_one_place_are_given_the_same_bytes()
    {
        using var feed = new EventFeed(_time);
        feed.Say(Halted());
        _time.Advance(EventFeed.Pause);

        var (one, other) = (feed.FramesFrom(0)!.Value.Frames, feed.FramesFrom(0)!.Value.Frames);

        Assert.True(one.Span == other.Span);
        Assert.True(one.Length > 0);
    }

    private NodeEvent Committed(long version, long rows) => new(NodeEventKind.Committed, _time.GetUtcNow(), Clicks, version, rows);

    private NodeEvent Halted() => new(NodeEventKind.Halted, _time.GetUtcNow(), Clicks, Fault: new Fault(FaultKind.Invalid, "Table bronze/events/clicks", "a column is gone", "Bring it back."));
}
