using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Text;
using Pipeline.Testing;

namespace Pipeline.Mutation.Tests;

/// <summary>A project's assembly with all mutants of a target in it, each behind its switch.</summary>
/// <param name="Mutants">Those that are C#; <paramref name="Rejected"/> holds the others.</param>
internal sealed record MutatedAssembly(string Path, IReadOnlyList<Mutant> Mutants, IReadOnlyList<Mutant> Rejected)
{
    private static readonly CSharpParseOptions Parsing = new(LanguageVersion.Latest, preprocessorSymbols: ["NET", "NET10_0", "NET10_0_OR_GREATER", "RELEASE"]);

    private static readonly CSharpCompilationOptions Options = new(OutputKind.DynamicallyLinkedLibrary, optimizationLevel: OptimizationLevel.Release, allowUnsafe: true,
        warningLevel: 0, nullableContextOptions: NullableContextOptions.Enable);

    /// <summary>Compiles the project's files as they are in the checkout.</summary>
    public static MutatedAssembly Build(MutationTarget target, string directory, CancellationToken cancellationToken)
    {
        var project = System.IO.Path.Combine(Repository.Root, "src", target.Assembly);
        var sources = Sources(project).Select(path => CSharpSyntaxTree.ParseText(File.ReadAllText(path), Parsing, path, cancellationToken: cancellationToken));
        var plain = WithGenerated(CSharpCompilation.Create(target.Assembly, sources, References(target), Options));
        ThrowOnErrors(plain.GetDiagnostics(cancellationToken), "as it is");
        return Compile(plain, tree => IsDecisive(target, project, tree.FilePath), System.IO.Path.Combine(directory, $"{target.Assembly}.dll"), cancellationToken);
    }

    /// <param name="isDecisive">Whether a file is to be changed.</param>
    public static MutatedAssembly Compile(CSharpCompilation plain, Func<SyntaxTree, bool> isDecisive, string path, CancellationToken cancellationToken)
    {
        var (mutants, rejected) = (new List<Mutant>(), new List<Mutant>());
        var mutated = plain.AddSyntaxTrees(SwitchFor(mutants: 1));
        var trees = plain.SyntaxTrees.Where(isDecisive).OrderBy(tree => tree.FilePath, StringComparer.Ordinal).ToList();
        foreach (var tree in trees)
        {
            var file = new MutatedFile(mutated, plain.GetSemanticModel(tree), tree, FirstId: mutants.Count + rejected.Count + 1);
            var (changed, accepted, not) = file.Change(cancellationToken);
            mutants.AddRange(accepted);
            rejected.AddRange(not);
            mutated = mutated.ReplaceSyntaxTree(tree, changed);
        }

        mutated = mutated.ReplaceSyntaxTree(mutated.SyntaxTrees.Single(tree => tree.FilePath == MutantSwitch.TypeName), SwitchFor(mutants.Count + rejected.Count));
        var emitted = mutated.Emit(path, cancellationToken: cancellationToken);
        ThrowOnErrors(emitted.Diagnostics, "with its mutants");
        return new MutatedAssembly(path, mutants, rejected);
    }

    private static SyntaxTree SwitchFor(int mutants) => CSharpSyntaxTree.ParseText(MutantSwitch.Source(mutants), Parsing, MutantSwitch.TypeName);

    private static IEnumerable<string> Sources(string project)
    {
        var made = System.IO.Path.Combine(project, "obj");
        var written = Directory.EnumerateFiles(project, "*.cs", SearchOption.AllDirectories)
            .Where(file => !file.StartsWith(made + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal)
                && !file.StartsWith(System.IO.Path.Combine(project, "bin") + System.IO.Path.DirectorySeparatorChar, StringComparison.Ordinal));
        var name = System.IO.Path.GetFileName(project);
        return written.Append(MutationTarget.Find(made, $"{name}.GlobalUsings.g.cs")).Append(MutationTarget.Find(made, $"{name}.AssemblyInfo.cs"));
    }

    private static bool IsDecisive(MutationTarget target, string project, string file) =>
        target.Files.Contains(System.IO.Path.GetRelativePath(project, file).Replace('\\', '/'), StringComparer.Ordinal);

    /// <summary>What the tests run with: the framework's assemblies and those beside them, but not the one that is made here.</summary>
    private static IEnumerable<MetadataReference> References(MutationTarget target)
    {
        var framework = ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(System.IO.Path.PathSeparator)
            .Where(file => !file.StartsWith(AppContext.BaseDirectory, StringComparison.Ordinal));
        var beside = Directory.EnumerateFiles(System.IO.Path.GetDirectoryName(target.TestAssembly)!, "*.dll").Where(IsManaged);
        return framework.Concat(beside).GroupBy(file => System.IO.Path.GetFileNameWithoutExtension(file), StringComparer.OrdinalIgnoreCase)
            .Where(group => group.Key != target.Assembly && group.Key != target.Tests).Select(group => MetadataReference.CreateFromFile(group.First()));
    }

    private static bool IsManaged(string file)
    {
        using var stream = File.OpenRead(file);
        using var reader = new System.Reflection.PortableExecutable.PEReader(stream);
        try
        {
            return reader.HasMetadata;
        }
        catch (BadImageFormatException)
        {
            return false;
        }
    }

    /// <summary>The framework's own generators: regular expressions, log messages and calls of the C library.</summary>
    private static CSharpCompilation WithGenerated(CSharpCompilation compilation)
    {
        var runtime = System.IO.Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var packs = System.IO.Path.GetFullPath(System.IO.Path.Combine(runtime, "../../../packs"));
        var generators = Directory.EnumerateFiles(packs, "*Generator*.dll", SearchOption.AllDirectories)
            .Where(file => System.IO.Path.GetFileName(file) is "System.Text.RegularExpressions.Generator.dll" or "Microsoft.Interop.LibraryImportGenerator.dll" or "Microsoft.Extensions.Logging.Generators.dll")
            .GroupBy(System.IO.Path.GetFileName).Select(group => group.Order(StringComparer.Ordinal).Last())
            .SelectMany(file => new Microsoft.CodeAnalysis.Diagnostics.AnalyzerFileReference(file, new FromFile()).GetGenerators(LanguageNames.CSharp));
        CSharpGeneratorDriver.Create(generators, parseOptions: Parsing).RunGeneratorsAndUpdateCompilation(compilation, out var generated, out _);
        return (CSharpCompilation)generated;
    }

    private static void ThrowOnErrors(IEnumerable<Diagnostic> diagnostics, string form)
    {
        var errors = diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).Take(5).ToList();
        if (errors.Count > 0) throw new InvalidOperationException($"The code does not compile {form}:\n{string.Join('\n', errors)}");
    }

    private sealed class FromFile : IAnalyzerAssemblyLoader
    {
        public void AddDependencyLocation(string fullPath)
        {
        }

        public System.Reflection.Assembly LoadFromPath(string fullPath) => System.Reflection.Assembly.LoadFrom(fullPath);
    }
}

/// <summary>One file on its way to hold its mutants.</summary>
internal sealed record MutatedFile(CSharpCompilation Compilation, SemanticModel Model, SyntaxTree Tree, int FirstId)
{
    /// <summary>
    /// Where mutants are no C# (a variable that a pattern would have set), they are sought in the members that do not compile.
    /// </summary>
    public (SyntaxTree Changed, IReadOnlyList<Mutant> Accepted, IReadOnlyList<Mutant> Rejected) Change(CancellationToken cancellationToken)
    {
        var (all, found) = With(_ => true, cancellationToken);
        var broken = BrokenMembers(all, cancellationToken);
        if (broken.Count == 0) return (all, found, []);

        var members = Members(Tree, cancellationToken);
        var rejected = found.GroupBy(mutant => MemberAt(members, mutant)).Where(member => broken.Contains(member.Key))
            .SelectMany(member => Rejected([.. member.Select(mutant => mutant.Id)], member.Key, cancellationToken)).ToHashSet();
        var (changed, _) = With(id => !rejected.Contains(id), cancellationToken);
        return (changed, [.. found.Where(mutant => !rejected.Contains(mutant.Id))], [.. found.Where(mutant => rejected.Contains(mutant.Id))]);
    }

    private (SyntaxTree Changed, IReadOnlyList<Mutant> Found) With(Func<int, bool> isWanted, CancellationToken cancellationToken)
    {
        var file = System.IO.Path.GetRelativePath(Repository.Root, Tree.FilePath).Replace('\\', '/');
        var rewriter = new MutantRewriter(Model, file, FirstId, isWanted);
        var root = rewriter.Visit(Tree.GetRoot(cancellationToken))!;
        // Read again from its text, as a compiler would.
        return (CSharpSyntaxTree.ParseText(root.ToFullString(), (CSharpParseOptions)Tree.Options, Tree.FilePath, cancellationToken: cancellationToken), rewriter.Found);
    }

    /// <summary>The members that do not compile, by their place in the file.</summary>
    private HashSet<int> BrokenMembers(SyntaxTree changed, CancellationToken cancellationToken)
    {
        var members = Members(changed, cancellationToken);
        return
        [
            .. Compilation.ReplaceSyntaxTree(Tree, changed).GetSemanticModel(changed).GetDiagnostics(cancellationToken: cancellationToken)
                .Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error).Select(diagnostic => MemberAt(members, diagnostic.Location.SourceSpan)),
        ];
    }

    /// <summary>Those of a member's mutants that are no C#: half of them at a time, as few of them are.</summary>
    private IEnumerable<int> Rejected(int[] mutants, int member, CancellationToken cancellationToken)
    {
        if (!IsBroken(With(mutants.Contains, cancellationToken).Changed, member, cancellationToken)) return [];
        return mutants.Length == 1 ? mutants : Rejected(mutants[..(mutants.Length / 2)], member, cancellationToken).Concat(Rejected(mutants[(mutants.Length / 2)..], member, cancellationToken));
    }

    private bool IsBroken(SyntaxTree changed, int member, CancellationToken cancellationToken) =>
        Compilation.ReplaceSyntaxTree(Tree, changed).GetSemanticModel(changed).GetDiagnostics(Members(changed, cancellationToken)[member].Span, cancellationToken)
            .Any(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error);

    private int MemberAt(List<MemberDeclarationSyntax> members, Mutant mutant) => MemberAt(members, Tree.GetText().Lines[mutant.Line - 1].Span);

    private static int MemberAt(List<MemberDeclarationSyntax> members, TextSpan span) => members.FindLastIndex(member => member.FullSpan.Start <= span.End);

    private static List<MemberDeclarationSyntax> Members(SyntaxTree tree, CancellationToken cancellationToken) =>
        [.. tree.GetRoot(cancellationToken).DescendantNodes().OfType<MemberDeclarationSyntax>().Where(member => member is BaseMethodDeclarationSyntax or BasePropertyDeclarationSyntax or BaseFieldDeclarationSyntax)];
}
