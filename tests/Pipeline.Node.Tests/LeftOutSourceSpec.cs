using Akka.Configuration;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;
using Pipeline.Testing;
using ConfigurationException = Pipeline.Configuration.ConfigurationException;

namespace Pipeline.Node.Tests;

/// <summary>The reference pipeline without one of its sources, and a configuration without a file of Akka's.</summary>
public sealed class LeftOutSourceSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-left-out-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void One_setting_leaves_a_source_out_and_all_that_depended_on_it_is_told_at_once()
    {
        var whole = Load("");
        var options = Load("pipeline.sources.crm.enabled = false");

        var gone = whole.Graph.Tables.Except(options.Graph.Tables).ToList();
        var notice = Assert.Single(options.Notes.LeftOut);
        Assert.Equal(["app", "events"], options.Sources.Select(source => source.Name).Order(StringComparer.Ordinal));
        Assert.All(gone, table => Assert.Contains($"{table}", notice.Message, StringComparison.Ordinal));
        Assert.Equal($"the source is left out, and what is made of its tables: {string.Join(", ", gone)}", notice.Message);
        Assert.Contains(gone, table => table.Layer == Core.Layer.Gold);
        // Nothing that is left reads what has gone, and nothing has gone that could be made.
        Assert.All(options.Graph.Tables, table => Assert.DoesNotContain(options.Graph.InputsOf(table), input => gone.Contains(input) || input.Source == "crm"));
        Assert.All(gone, table => Assert.Contains(whole.Graph.InputsOf(table), input => gone.Contains(input) || input.Source == "crm"));
    }

    [Fact]
    public void Nothing_of_a_source_that_is_left_out_has_to_be_there()
    {
        const string Text = """
            pipeline {
              lake.location = lake
              sources {
                a { type = kafka, bootstrap = "localhost:9092", tables { t { topic = t } } }
                b {
                  type = postgres
                  host = ${?NOBODY_SETS_THIS}
                  tables { t { table = t, watermark = at, key = [id] } }
                }
              }
              silver { t { from = bronze/b/t, columns { id { type = long } }, key = [id] } }
            }
            """;

        var problems = Assert.Throws<ConfigurationException>(() => LoadText(Text)).Problems;
        var options = LoadText($"{Text}\npipeline.sources.b.enabled = no");

        Assert.Contains(problems, problem => problem is { Path: "pipeline.sources.b.host", Location.Line: 7 } && problem.Message.Contains("NOBODY_SETS_THIS is not set", StringComparison.Ordinal));
        Assert.Equal("a", Assert.Single(options.Sources).Name);
        Assert.Empty(options.Graph.Tables);
        Assert.Contains("silver/t", Assert.Single(options.Notes.LeftOut).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_Akkas_settings_a_file_says_only_what_is_to_be_another()
    {
        var file = Path.Combine(_directory, "akka.conf");
        await File.WriteAllTextAsync(file, "akka.cluster.gossip-interval = 300ms", TestContext.Current.CancellationToken);

        var own = await AkkaSettings.ReadAsync(file: null, TestContext.Current.CancellationToken);
        var changed = await AkkaSettings.ReadAsync(file, TestContext.Current.CancellationToken);

        Assert.Equal(ConfigurationFactory.ParseString(await File.ReadAllTextAsync(Path.Combine(Repository.Root, "hocon", "akka.conf"), TestContext.Current.CancellationToken)).ToString(), own.ToString());
        Assert.Equal((100, 300), (own.GetTimeSpan("akka.cluster.gossip-interval").TotalMilliseconds, changed.GetTimeSpan("akka.cluster.gossip-interval").TotalMilliseconds));
        Assert.Equal("cluster", changed.GetString("akka.actor.provider"));
    }

    private PipelineOptions LoadText(string text) => PipelineOptions.Load("shop.conf", SourceKinds.All, Path.Combine(_directory, "lake"), _ => null, text);

    private PipelineOptions Load(string more)
    {
        // Beside the files that it includes.
        var path = Path.Combine(Repository.Root, "hocon", "left-out.conf");
        return PipelineOptions.Load(path, SourceKinds.All, Path.Combine(_directory, "lake"), _ => null, $"include \"pipeline.conf\"\n{more}");
    }
}
