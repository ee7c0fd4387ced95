using Akka.Configuration;
using Pipeline.Configuration;
using Pipeline.Node.Composition;
using Pipeline.Operations.Options;

namespace Pipeline.Node.Tests;

public sealed class HoconFilesSpec
{
    public static TheoryData<string> Files =>
        [.. Directory.EnumerateFiles(Path.Combine(Repository.Root, "hocon"), "*.conf", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Repository.Root, path)).Order(StringComparer.Ordinal)];

    [Theory, MemberData(nameof(Files))]
    public void Every_file_can_be_read(string file)
    {
        var path = Path.Combine(Repository.Root, file);

        if (Path.GetFileName(path) == "akka.conf") Assert.False(ConfigurationFactory.ParseString(File.ReadAllText(path)).IsEmpty);
        else HoconReader.Read(path, File.ReadAllText, Environment.GetEnvironmentVariable);
    }

    [Theory]
    [InlineData("pipeline.conf")]
    [InlineData("demo.conf")]
    [InlineData("demo-emr.conf")]
    [InlineData("demo-emr-serverless.conf")]
    public void Every_configuration_is_valid_as_it_is_shipped(string file)
    {
        var options = PipelineOptions.Load(Path.Combine(Repository.Root, "hocon", file), SourceKinds.All, lakeLocation: null, _ => null);

        Assert.Equal(["crm", "app", "events"], options.Sources.Select(source => source.Name));
        Assert.Equal(11, options.Sources.Sum(source => source.Tables.Count));
    }

    [Fact]
    public void Every_file_is_included_somewhere()
    {
        var root = Path.Combine(Repository.Root, "hocon");
        var read = new HashSet<string>(StringComparer.Ordinal);
        foreach (var file in (string[])["pipeline.conf", "demo.conf", "demo-emr.conf", "demo-emr-serverless.conf"])
        {
            HoconReader.Read(Path.Combine(root, file), path =>
            {
                read.Add(Path.GetRelativePath(Repository.Root, path));
                return File.ReadAllText(path);
            }, _ => null);
        }

        Assert.Equal(Files.Select(row => row.Data).Where(file => Path.GetFileName(file) != "akka.conf"), read.Order(StringComparer.Ordinal));
    }
}
