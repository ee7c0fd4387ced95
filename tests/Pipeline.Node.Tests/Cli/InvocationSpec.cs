using Pipeline.Configuration;
using Pipeline.Node.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Cli;

public sealed class InvocationSpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("invocation-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_command_reads_its_configuration_once_and_anew_only_where_it_asks_for_that()
    {
        var asked = 0;
        ReadEnvironmentVariable environment = name =>
        {
            if (name == "LAKE") asked++;
            return name == "LAKE" ? Path.Combine(_directory, $"lake-{asked}") : null;
        };
        var path = Path.Combine(_directory, "pipeline.conf");
        File.WriteAllText(path, "pipeline { name = one, lake.location = ${?LAKE} }");
        var invocation = new Invocation(new NodeContext(TextWriter.Null, TextWriter.Null, environment, TimeProvider.System, Interruption: null), path, LakeLocation: null, OutputFormat.Table, IsVerbose: false) { Answer = new Answer("run") };

        var options = invocation.Load();
        Assert.Same(options, invocation.Load());
        Assert.Equal(options.Lake.Location, invocation.OpenLake().Store.Location);
        Assert.Equal(1, asked);

        File.WriteAllText(path, "pipeline { name = another, lake.location = ${?LAKE} }");
        Assert.Equal("one", invocation.Load().Name);
        Assert.Equal("another", invocation.LoadAnew().Name);
        Assert.Equal(("another", 2), (invocation.Load().Name, asked));
    }
}
