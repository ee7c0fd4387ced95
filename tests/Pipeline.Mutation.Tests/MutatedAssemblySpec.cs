using System.Reflection;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Pipeline.Testing;

namespace Pipeline.Mutation.Tests;

public sealed class MutatedAssemblySpec : IDisposable
{
    private readonly ScratchDirectory _directory = new("pipeline-mutants-");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void Holds_each_change_of_what_decides_behind_its_switch()
    {
        const string code = """
            using System.Collections.Generic;
            using System.Linq;

            public sealed record Gate(int Limit, bool IsShut)
            {
                public bool Lets(int size) => size < Limit && !IsShut;

                public Gate Close(List<string> said)
                {
                    // Whoever waits is told.
                    said.Add("shut");
                    return this with { IsShut = true };
                }

                public static string Of(object thing) => thing switch { int and > 3 => "large", int => "small", _ => "other" };
            }
            """;

        var assembly = Compile(code);

        Assert.Equal(
        [
            "Gate.Lets: size < Limit -> with <=", "Gate.Lets: size < Limit -> always", "Gate.Lets: size < Limit -> never", "Gate.Lets: IsShut -> never",
            "Gate.Close: said.Add(\"shut\"); -> is left out", "Gate.Close: IsShut = true -> is left as it was",
            "Gate.Of: int and > 3 -> arm is left out", "Gate.Of: > 3 -> is left out of the pattern", "Gate.Of: int -> is left out of the pattern", "Gate.Of: > 3 -> with >=",
            "Gate.Of: int -> arm is left out",
        ], assembly.Mutants.Select(mutant => mutant.Key));
        Assert.Equal([true, false], [Lets(assembly, 0, size: 3), Lets(assembly, 0, size: 5)]);
        Assert.True(Lets(assembly, Id(assembly, "with <="), size: 5));
        Assert.False(Lets(assembly, Id(assembly, "size < Limit -> never"), size: 3));
        Assert.True(Lets(assembly, Id(assembly, "size < Limit -> always"), size: 7));
    }

    [Fact]
    public void Leaves_out_and_names_what_is_no_code()
    {
        const string code = """
            public static class Text
            {
                public static int Length(object thing)
                {
                    if (thing is not string text) return -1;
                    return text.Length;
                }
            }
            """;

        var assembly = Compile(code);

        Assert.Equal("Text.Length: thing is not string text -> always", Assert.Single(assembly.Mutants).Key);
        Assert.Equal("Text.Length: thing is not string text -> never", Assert.Single(assembly.Rejected).Key);
    }

    /// <summary>A file that has moved is not to be left unchanged without a word.</summary>
    [Fact]
    public void Every_file_that_is_to_be_changed_is_there() => Assert.All(MutationTarget.All, target =>
        Assert.All(target.Files, file => Assert.True(File.Exists(Path.Combine(Repository.Root, "src", target.Assembly, file)), $"{target.Assembly}/{file}")));

    [Fact]
    public void A_reason_stands_below_the_mutants_that_it_is_for()
    {
        var survivors = Survivors.Parse(["# a remark", "A.B: c -> always", "A.B: d -> never", "  Nothing", "  follows.", "", "E.F: g -> always", "  Only told."]);

        Assert.Equal(("Nothing follows.", "Nothing follows.", "Only told."),
            (survivors.Reasons["A.B: c -> always"], survivors.Reasons["A.B: d -> never"], survivors.Reasons["E.F: g -> always"]));
        Assert.Throws<FormatException>(() => Survivors.Parse(["A.B: c -> always"]));
        Assert.Throws<FormatException>(() => Survivors.Parse(["A.B: c -> always", "  Yes.", "A.B: c -> always", "  No."]));
    }

    private MutatedAssembly Compile(string code)
    {
        var references = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Where(file => Path.GetFileName(file).StartsWith("System.", StringComparison.Ordinal));
        var plain = CSharpCompilation.Create("Sample", [CSharpSyntaxTree.ParseText(code, path: "Sample.cs")], references.Select(file => MetadataReference.CreateFromFile(file)),
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        return MutatedAssembly.Compile(plain, _ => true, Path.Combine(_directory, $"{Guid.NewGuid():N}.dll"), TestContext.Current.CancellationToken);
    }

    private static int Id(MutatedAssembly assembly, string change) => assembly.Mutants.Single(mutant => mutant.Key.EndsWith(change, StringComparison.Ordinal)).Id;

    private static bool Lets(MutatedAssembly assembly, int active, int size)
    {
        var loaded = Assembly.Load(File.ReadAllBytes(assembly.Path));
        loaded.GetType(MutantSwitch.TypeName)!.GetField(MutantSwitch.Active)!.SetValue(null, active);
        var gate = Activator.CreateInstance(loaded.GetType("Gate")!, 5, false);
        return (bool)gate!.GetType().GetMethod("Lets")!.Invoke(gate, [size])!;
    }
}
