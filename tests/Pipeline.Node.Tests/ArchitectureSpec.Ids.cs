using System.Collections;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Pipeline.Node.Tests;

/// <summary>
/// A table of the lake is a <c>TableId</c> and a split a <c>SplitId</c>, from the message to the log: no member and no
/// parameter that is called so is text. What is text has another meaning, said here.
/// </summary>
public sealed partial class ArchitectureSpec
{
    /// <summary>Rooms that know tables of the lake. A source's tables are its server's; configuration is text by nature.</summary>
    private static readonly string[] RoomsOfIds = ["Pipeline.Core", "Pipeline.Delta", "Pipeline.DuckDb", "Pipeline.Ingest", "Pipeline.Transform", "Pipeline.Operations", "pipeline"];

    /// <summary>Types whose table or split is text, and what the text is.</summary>
    private static readonly Dictionary<string, string> MayNameInText = new(StringComparer.Ordinal)
    {
        ["ISource"] = "a source knows its tables by their names in the configuration",
        ["IRedriveSource"] = "as ISource",
        ["IPartSource"] = "as ISource",
        ["Split"] = "as ISource",
        ["SplitPosition"] = "as ISource",
        ["TableAnew"] = "as ISource",
        ["Chunk"] = "as ISource",
        ["DeadLetter"] = "as ISource",
        ["WorkerLooks"] = "as ISource",
        ["GraphSetup"] = "the tables of one source, found by the names that its chunks carry",
        ["Roller"] = "as GraphSetup",
        ["LetterSelection"] = "the end of a split's name, as somebody writes it on a command line",
        ["CheckpointSchedule"] = "Delta's tables are directories of a store, whatever a lake calls them",
        ["CheckpointWriter"] = "as CheckpointSchedule",
        ["ConflictCheck"] = "as CheckpointSchedule",
        ["DataFiles"] = "as CheckpointSchedule",
        ["LogNames"] = "as CheckpointSchedule",
        ["LogReader"] = "as CheckpointSchedule",
        ["ProtocolSupport"] = "as CheckpointSchedule",
        ["SchemaEvolution"] = "as CheckpointSchedule",
        ["SchemaJson"] = "as CheckpointSchedule",
        ["SnapshotBuilder"] = "as CheckpointSchedule",
        ["TableCreation"] = "as CheckpointSchedule",
        ["TimeTravel"] = "as CheckpointSchedule",
        ["TransactionActions"] = "as CheckpointSchedule",
    };

    [Fact]
    public void Tables_and_splits_are_ids_and_no_text()
    {
        var named = RoomsOfIds.SelectMany(room => Assembly.Load(room).GetTypes()).Where(type => !IsMadeByCompiler(type)).SelectMany(NamesInText).Distinct().Order(StringComparer.Ordinal).ToList();

        var text = string.Join(", ", named.Where(name => !MayNameInText.ContainsKey(name.Split('.')[0])));
        Assert.True(text.Length == 0, text);
        Assert.All(MayNameInText.Keys, known => Assert.Contains(named, name => name.Split('.')[0] == known));
    }

    private static IEnumerable<string> NamesInText(Type type)
    {
        const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static | BindingFlags.Instance | BindingFlags.DeclaredOnly;
        var fields = type.GetFields(all).Where(field => !field.IsLiteral && field.GetCustomAttribute<CompilerGeneratedAttribute>() is null).Select(field => (field.Name, Type: field.FieldType));
        var properties = type.GetProperties(all).Select(property => (property.Name, Type: property.PropertyType));
        var parameters = type.GetMethods(all).Cast<MethodBase>().Concat(type.GetConstructors(all)).Where(method => method.GetCustomAttribute<CompilerGeneratedAttribute>() is null)
            .SelectMany(method => method.GetParameters()).Where(parameter => parameter.Name is not null).Select(parameter => (Name: parameter.Name!, Type: parameter.ParameterType));
        return fields.Concat(properties).Concat(parameters).Where(member => TableOrSplit().IsMatch(member.Name) && IsText(member.Type)).Select(member => $"{type.Name.Split('`')[0]}.{member.Name}");
    }

    private static bool IsText(Type type) => type == typeof(string) || type == typeof(string[])
        || (type.IsGenericType && typeof(IEnumerable).IsAssignableFrom(type) && type.GetGenericArguments()[0] == typeof(string));

    private static bool IsMadeByCompiler(Type type) => type.Name.StartsWith('<') || (type.DeclaringType is { } outer && IsMadeByCompiler(outer));

    [GeneratedRegex("^_?([a-zA-Z]*T|t)ables?(Id)?s?$|^_?([a-zA-Z]*S|s)plits?(Id)?s?$", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TableOrSplit();
}
