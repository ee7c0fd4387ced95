using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;
using Serilog.Events;

namespace Pipeline.Node.Tests;

/// <summary>How a node's log looks, and what it leaves out because somebody else says it once.</summary>
public sealed class NodeLogsSpec
{
    [Theory]
    [InlineData("akka://pipeline/system/pipeline.transform.journal-1", false)]
    [InlineData("akka://pipeline/system/pipeline.transform.snapshots-12", false)]
    [InlineData("akka://pipeline/user/medallion-coordinator/medallion-coordinator/coordinator/journal", true)]
    public void What_a_persistence_plug_in_cannot_do_is_left_to_the_keeper_of_the_journal(string source, bool isSaid)
    {
        var said = new StringWriter();
        using (var logs = NodeLogs.Create(said, LogLevel.Information))
        {
            var log = logs.CreateLogger("Akka.Actor.ActorSystem");
            // As Akka hands it over: the path is that of whoever sends the entry.
            using (log.BeginScope(new Dictionary<string, object> { ["ActorPath"] = "akka://pipeline/system", ["LogSource"] = source }))
                log.LogError(new InvalidOperationException("database or disk is full"), "Failed to initialize SQL Journal.");
        }

        Assert.Equal(isSaid, said.ToString().Contains("Failed to initialize", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("akka://pipeline/system/cluster/core/daemon", false)]
    [InlineData("akka://pipeline/user/medallion-coordinator", false)]
    [InlineData("akka://pipeline/user/medallion-coordinator/medallion-coordinator", false)]
    [InlineData("akka://pipeline/user/medallion-coordinator-proxy", false)]
    [InlineData("akka://pipeline/user/kpi-keeper", false)]
    [InlineData("akka://pipeline/user/kpi-keeper-proxy", false)]
    [InlineData("akka://pipeline/user/kpi-keeper/kpi-keeper", true)]
    [InlineData("akka://pipeline/user/lake-maintenance", false)]
    [InlineData("akka://pipeline/user/lake-maintenance/lake-maintenance", true)]
    [InlineData("akka://pipeline/system/sharding/bronze-committersCoordinator/singleton/coordinator", false)]
    [InlineData("akka://pipeline/system/sharding/bronze-committers/7/bronze%2fapp%2fusers", true)]
    [InlineData("akka://pipeline/user/medallion-coordinator/medallion-coordinator/coordinator", true)]
    [InlineData("akka://pipeline/user/membership", true)]
    public void How_Akkas_own_parts_come_and_go_is_a_detail(string path, bool isNews)
    {
        var said = new StringWriter();
        using (var levels = new LogLevels(LogEventLevel.Information, TimeProvider.System))
        using (var logs = NodeLogs.Create(said, levels, LogFormat.Text))
        {
            var log = logs.CreateLogger("Akka.Actor.ActorSystem");
            using var scope = log.BeginScope(new Dictionary<string, object> { ["ActorPath"] = path });
            log.LogInformation("Singleton moved");
            log.LogWarning("Something is wrong");
            levels.Configure(LogEventLevel.Debug);
            log.LogInformation("Told as a detail");
        }

        Assert.Equal(isNews, said.ToString().Contains("Singleton moved", StringComparison.Ordinal));
        Assert.Contains("Something is wrong", said.ToString(), StringComparison.Ordinal);
        Assert.Contains("Told as a detail", said.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_for_people_says_when_in_UTC_how_loud_and_what()
    {
        var said = new StringWriter();
        using (var logs = NodeLogs.Create(said, LogLevel.Information)) logs.CreateLogger("x").LogWarning("Table {Table} has {Rows} rows", "orders", 7);

        var line = said.ToString().TrimEnd();
        Assert.EndsWith("Z WRN Table orders has 7 rows", line, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.Zero, DateTimeOffset.ParseExact(line[..20], "yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).Offset);
    }

    [Theory]
    [InlineData(LogFormat.Text)]
    [InlineData(LogFormat.Json)]
    public void Durations_moments_and_names_are_words_without_quotes(LogFormat format)
    {
        var said = new StringWriter();
        using (var logs = NodeLogs.Create(said, LogLevel.Information, format))
            logs.CreateLogger("x").LogWarning("{Level} of {Table}: again in {Pause}, then in {Moment}, at {At}, since {Since:yyyy-MM}, by {Id}, {Rows} rows, {Share}, {IsLast}", LogLevel.Warning, "orders", TimeSpan.FromSeconds(65),
                TimeSpan.FromMilliseconds(500), new DateTimeOffset(2026, 3, 1, 1, 30, 0, TimeSpan.FromHours(2)), new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero), Guid.Empty, 7, 0.5, true);

        Assert.Contains("Warning of orders: again in 1 min 5 s, then in 500 ms, at 2026-02-28 23:30:00Z, since 2026-01, by 00000000-0000-0000-0000-000000000000, 7 rows, 0.5, true", said.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_for_programs_is_one_object_with_what_it_is_about_by_name()
    {
        var said = new StringWriter();
        using (var logs = NodeLogs.Create(said, LogLevel.Information, LogFormat.Json))
            logs.CreateLogger("x").LogError(new InvalidOperationException("two\nlines"), "Table {Table} has {Rows} rows,\n{Share} of \"all\"", "orders \u2028", 7, 0.5);

        var line = Assert.Single(said.ToString().TrimEnd('\n', '\r').Split('\n'));
        var entry = JsonDocument.Parse(line).RootElement;
        Assert.EndsWith("Z", entry.GetProperty("time").GetString(), StringComparison.Ordinal);
        Assert.Equal("Error", entry.GetProperty("level").GetString());
        Assert.Equal("Table orders \u2028 has 7 rows,\n0.5 of \"all\"", entry.GetProperty("message").GetString());
        Assert.Equal(7, entry.GetProperty("properties").GetProperty("Rows").GetInt64());
        Assert.Equal(0.5, entry.GetProperty("properties").GetProperty("Share").GetDouble());
        Assert.Contains("two\nlines", entry.GetProperty("exception").GetString(), StringComparison.Ordinal);
    }
}
