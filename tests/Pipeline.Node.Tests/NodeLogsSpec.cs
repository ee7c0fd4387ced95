using Microsoft.Extensions.Logging;
using Pipeline.Node.Composition;

namespace Pipeline.Node.Tests;

/// <summary>What a node's log leaves out, because somebody else says it once.</summary>
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
}
