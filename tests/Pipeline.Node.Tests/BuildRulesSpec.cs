using System.Text.RegularExpressions;
using System.Xml.Linq;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>What the build is told is meant: an analyzer that is off says why, a version that is pinned is used.</summary>
public sealed partial class BuildRulesSpec
{
    [Fact]
    public void Every_analyzer_that_is_off_has_its_reason()
    {
        var reason = "";
        foreach (var line in File.ReadLines(Path.Combine(Repository.Root, ".editorconfig")))
        {
            if (line.StartsWith('#')) reason = line;
            // A reason holds for the rules right below it.
            else if (!Rule().IsMatch(line)) reason = "";
            else Assert.True(reason.Length > 30 || !line.EndsWith("= none", StringComparison.Ordinal), $"{line} has no reason above it");
        }
    }

    [Theory]
    [InlineData("Akka.Analyzers"), InlineData("Meziantou.Analyzer"), InlineData("Microsoft.CodeAnalysis.BannedApiAnalyzers")]
    public void Every_project_is_analyzed(string package) =>
        Assert.Contains(XDocument.Load(Path.Combine(Repository.Root, "Directory.Build.props")).Descendants("PackageReference"), reference => reference.Attribute("Include")!.Value == package);

    [Fact]
    public void Every_pinned_version_is_of_a_package_that_is_used()
    {
        var projects = Directory.EnumerateFiles(Repository.Root, "*.csproj", SearchOption.AllDirectories);
        Assert.SkipUnless(projects.All(project => File.Exists(Path.Combine(Path.GetDirectoryName(project)!, "obj", "project.assets.json"))),
            "Not all projects are restored, so not all that is used is known.");
        var restored = Directory.EnumerateFiles(Repository.Root, "project.assets.json", SearchOption.AllDirectories).Select(File.ReadAllText).ToList();

        foreach (var package in XDocument.Load(Path.Combine(Repository.Root, "Directory.Packages.props")).Descendants("PackageVersion").Select(version => version.Attribute("Include")!.Value))
            Assert.True(restored.Exists(assets => assets.Contains($"\"{package}/", StringComparison.OrdinalIgnoreCase)), $"{package} is pinned and nobody uses it");
    }

    [GeneratedRegex(@"^dotnet_diagnostic\.[A-Z]+[0-9]+\.severity = ")]
    private static partial Regex Rule();
}
