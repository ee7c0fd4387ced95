using Pipeline.Node.Composition;
using Pipeline.Operations.Options;
using Pipeline.Testing;

namespace Pipeline.Node.Tests.Releases;

/// <summary>The configurations that are kept for the next release: together they set every option.</summary>
internal static class KeptConfiguration
{
    public static readonly IReadOnlyList<string> Files = ["every-option.conf", "every-option-cluster.conf"];

    public static PipelineOptions Load(string file)
    {
        using var directory = new ScratchDirectory("kept-configuration-");
        foreach (var from in (string[])["hocon", "tests/Pipeline.Releases/configuration"]) Copy(new DirectoryInfo(Path.Combine(Repository.Root, from)), new DirectoryInfo(directory));
        return PipelineOptions.Load(Path.Combine(directory, file), SourceKinds.All, lakeLocation: null, _ => null);
    }

    private static void Copy(DirectoryInfo from, DirectoryInfo to)
    {
        foreach (var file in from.EnumerateFiles()) file.CopyTo(Path.Combine(to.FullName, file.Name), overwrite: true);
        foreach (var directory in from.EnumerateDirectories()) Copy(directory, to.CreateSubdirectory(directory.Name));
    }
}
