using System.Reflection;
using System.Runtime.Loader;

namespace Pipeline.Mutation.Tests;

/// <summary>One test of another project, to be run against changed code.</summary>
/// <param name="Name">On one line, whatever values it is given.</param>
internal sealed record Spec(string Name, Func<Task> RunAsync);

/// <summary>A test assembly beside a changed assembly, loaded apart from everything else.</summary>
internal sealed class Specs : AssemblyLoadContext
{
    private readonly AssemblyDependencyResolver _beside;
    private readonly string _mutated;
    private readonly Assembly _tests;
    private readonly Type _switch;

    public Specs(string testAssembly, string mutated)
    {
        _beside = new AssemblyDependencyResolver(testAssembly);
        _mutated = mutated;
        _switch = LoadFromAssemblyPath(mutated).GetType(MutantSwitch.TypeName, throwOnError: true)!;
        _tests = LoadFromAssemblyPath(testAssembly);
    }

    public int Active
    {
        set => _switch.GetField(MutantSwitch.Active)!.SetValue(null, value);
    }

    public long Steps
    {
        get => (long)_switch.GetField(MutantSwitch.Steps)!.GetValue(null)!;
        set => _switch.GetField(MutantSwitch.Steps)!.SetValue(null, value);
    }

    public long StepsMax
    {
        set => _switch.GetField(MutantSwitch.StepsMax)!.SetValue(null, value);
    }

    public bool[] Reached => (bool[])_switch.GetField(MutantSwitch.Reached)!.GetValue(null)!;

    /// <param name="names">Classes, or single tests as <c>Class.Test</c>.</param>
    public IEnumerable<Spec> Find(IEnumerable<string> names) => names.SelectMany(name =>
    {
        var (type, test) = name.Split('.') is [var declaring, var method] ? (declaring, method) : (name, null);
        var found = _tests.GetTypes().Single(candidate => candidate.Name == type).GetMethods()
            .Where(candidate => test is null || candidate.Name == test).SelectMany(Cases).ToList();
        return found.Count > 0 ? found : throw new InvalidOperationException($"{_tests.GetName().Name} has no test {name}.");
    });

    protected override Assembly? Load(AssemblyName assemblyName) =>
        assemblyName.Name == Path.GetFileNameWithoutExtension(_mutated) ? LoadFromAssemblyPath(_mutated)
        : _beside.ResolveAssemblyToPath(assemblyName) is { } path ? LoadFromAssemblyPath(path)
        : null;

    protected override nint LoadUnmanagedDll(string unmanagedDllName) =>
        _beside.ResolveUnmanagedDllToPath(unmanagedDllName) is { } path ? LoadUnmanagedDllFromPath(path) : 0;

    private static IEnumerable<Spec> Cases(MethodInfo test)
    {
        var attributes = test.GetCustomAttributesData();
        var name = $"{test.DeclaringType!.Name}.{test.Name}";
        if (attributes.Any(attribute => attribute.AttributeType.FullName == typeof(FactAttribute).FullName)) return [new Spec(name, () => RunAsync(test, []))];
        if (attributes.All(attribute => attribute.AttributeType.FullName != typeof(TheoryAttribute).FullName)) return [];
        var cases = attributes.Where(attribute => attribute.AttributeType.FullName == typeof(InlineDataAttribute).FullName).Select(Values).ToList();
        if (cases.Count == 0) throw new InvalidOperationException($"{name} would be left out: only the values of InlineData are known here.");
        return cases.Select(values => new Spec($"{name}({string.Join(", ", values.Select(value => value ?? "null"))})".ReplaceLineEndings(" "), () => RunAsync(test, values)));
    }

    private static object?[] Values(CustomAttributeData data) =>
        data.ConstructorArguments is [{ Value: IReadOnlyCollection<CustomAttributeTypedArgument> many }] ? [.. many.Select(Value)] : [.. data.ConstructorArguments.Select(Value)];

    private static object? Value(CustomAttributeTypedArgument argument) =>
        argument is { ArgumentType.IsEnum: true, Value: { } number } ? Enum.ToObject(argument.ArgumentType, number) : argument.Value;

    private static async Task RunAsync(MethodInfo test, object?[] values)
    {
        // Numbers may be written shorter than the parameter's type, and the last values be left out.
        var arguments = test.GetParameters().Select((parameter, i) => i >= values.Length ? parameter.DefaultValue
            : values[i] is IConvertible value && !value.GetType().IsEnum && parameter.ParameterType.IsPrimitive ? Convert.ChangeType(value, parameter.ParameterType) : values[i]).ToArray();
        var spec = Activator.CreateInstance(test.DeclaringType!)!;
        try
        {
            if (spec is IAsyncLifetime lifetime) await lifetime.InitializeAsync();
            await AwaitAsync(test.Invoke(spec, BindingFlags.DoNotWrapExceptions, binder: null, arguments, culture: null));
        }
        finally
        {
            if (spec is IAsyncDisposable asynchronous) await asynchronous.DisposeAsync();
            else (spec as IDisposable)?.Dispose();
        }
    }

    private static Task AwaitAsync(object? outcome) => outcome switch
    {
        Task task => task,
        ValueTask task => task.AsTask(),
        _ => Task.CompletedTask,
    };
}
