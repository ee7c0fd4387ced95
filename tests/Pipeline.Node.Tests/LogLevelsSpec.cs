using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Pipeline.Node.Composition;
using Pipeline.Operations.Control;
using Pipeline.Operations.Options;
using Serilog.Events;

namespace Pipeline.Node.Tests;

/// <summary>What a log tells when an operator wants more or less of it.</summary>
public sealed class LogLevelsSpec : IDisposable
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 3, 2, 12, 0, 0, TimeSpan.Zero));
    private readonly StringWriter _said = new();
    private readonly LogLevels _levels;
    private readonly NodeLoggerFactory _logs;

    public LogLevelsSpec()
    {
        _levels = new LogLevels(LogEventLevel.Information, _time);
        _logs = NodeLogs.Create(_said, _levels, LogFormat.Text);
    }

    public void Dispose() => _logs.Dispose();

    [Fact]
    public void It_tells_more_until_its_time_is_over_and_says_what_it_is_otherwise()
    {
        Take("debug 10m");
        Assert.Equal([new LogLevelLine(null, LogDetail.Debug, LogDetail.Information, _time.GetUtcNow().AddMinutes(10))], _levels.Now);
        Assert.True(Tells("Pipeline.Ingest.X", LogLevel.Debug));

        _time.Advance(TimeSpan.FromMinutes(9));
        Assert.True(Tells("Pipeline.Ingest.X", LogLevel.Debug));
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.False(Tells("Pipeline.Ingest.X", LogLevel.Debug));
        Assert.Equal([new LogLevelLine(null, LogDetail.Information, LogDetail.Information, null)], _levels.Now);
    }

    [Fact]
    public void Of_one_part_it_tells_more_and_of_all_others_what_it_did()
    {
        Take("debug Pipeline.Ingest");
        Take("error Pipeline.Ingest.Worker");

        Assert.Equal((true, false, true, false), (Tells("Pipeline.Ingest.X", LogLevel.Debug), Tells("Pipeline.Ingested", LogLevel.Debug), Tells("Pipeline.Ingested", LogLevel.Information), Tells("Pipeline.Ingest.Worker.Y", LogLevel.Warning)));
        Assert.Equal([null, "Pipeline.Ingest", "Pipeline.Ingest.Worker"], _levels.Now.Select(line => line.Logger));
        Take("warning");
        Assert.Equal((true, false), (Tells("Pipeline.Ingest.X", LogLevel.Debug), Tells("Pipeline.Ingested", LogLevel.Information)));
        Take("configured Pipeline.Ingest");
        Take("configured");
        Assert.Equal((false, true), (Tells("Pipeline.Ingest.X", LogLevel.Debug), Tells("Pipeline.Ingest.X", LogLevel.Information)));
    }

    [Fact]
    public void Actors_are_told_apart_by_their_paths()
    {
        Take("debug /user/membership");

        Assert.Equal((true, true, false), (Tells("Akka.Actor.ActorSystem", LogLevel.Debug, "akka://pipeline/user/membership"), Tells("Akka.Actor.ActorSystem", LogLevel.Debug, "akka://pipeline/user/membership/child"), Tells("Akka.Actor.ActorSystem", LogLevel.Debug, "akka://pipeline/user/memberships")));
    }

    [Fact]
    public void What_is_said_later_holds_and_the_end_of_what_was_said_before_ends_nothing()
    {
        Take("debug 10m");
        Take("warning 1h");
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.False(Tells("Pipeline.X", LogLevel.Information));
        _levels.Configure(LogEventLevel.Debug);
        Assert.False(Tells("Pipeline.X", LogLevel.Information));
        _time.Advance(TimeSpan.FromMinutes(50));
        Assert.True(Tells("Pipeline.X", LogLevel.Debug));
    }

    [Fact]
    public void A_node_that_starts_again_tells_what_its_configuration_says()
    {
        Take("debug 10m");
        Take("debug Pipeline.Ingest");
        _levels.Reset(LogEventLevel.Warning);

        Assert.Equal([new LogLevelLine(null, LogDetail.Warning, LogDetail.Warning, null)], _levels.Now);
        _time.Advance(TimeSpan.FromMinutes(10));
        Assert.False(Tells("Pipeline.Ingest.X", LogLevel.Information));
    }

    [Fact]
    public void An_end_that_comes_late_ends_nothing_that_was_said_meanwhile()
    {
        var time = new HeldTimers();
        using var levels = new LogLevels(LogEventLevel.Information, time);
        levels.Take(LogOrder.Parse("debug 10m"));
        levels.Take(LogOrder.Parse("warning 1h"));

        time.Begun[0]();
        Assert.Equal(LogDetail.Warning, levels.Now[0].Level);
        time.Begun[1]();
        Assert.Equal(new LogLevelLine(null, LogDetail.Information, LogDetail.Information, null), levels.Now[0]);
    }

    [Theory]
    [InlineData("Pipeline.X", true)]
    [InlineData("Akka.Actor.ActorSystem", true)]
    [InlineData("Npgsql.Command", false)]
    [InlineData("Pipelines.X", false)]
    public void What_is_said_of_all_is_said_of_our_own_parts_and_Akka(string logger, bool isOurs)
    {
        Take("debug");
        Assert.Equal((isOurs, true), (Tells(logger, LogLevel.Debug), Tells(logger, LogLevel.Information)));
        Take("error");
        Assert.Equal((!isOurs, true), (Tells(logger, LogLevel.Warning), Tells(logger, LogLevel.Error)));
        Take("configured");
        Assert.Equal((false, true), (Tells(logger, LogLevel.Debug), Tells(logger, LogLevel.Information)));
    }

    private void Take(string order) => _levels.Take(LogOrder.Parse(order));

    private bool Tells(string logger, LogLevel level, string? path = null)
    {
        _said.GetStringBuilder().Clear();
        var log = _logs.CreateLogger(logger);
        using var scope = path is null ? null : log.BeginScope(new Dictionary<string, object> { ["ActorPath"] = path });
        log.Log(level, "Something is said");
        return _said.ToString().Contains("Something is said", StringComparison.Ordinal);
    }

    /// <summary>Timers that end when the test says so, whether they were disposed of or not.</summary>
    private sealed class HeldTimers : TimeProvider
    {
        public List<Action> Begun { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Begun.Add(() => callback(state));
            return base.CreateTimer(_ => { }, state: null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
