namespace Pipeline.Node.Http.Api;

/// <summary>Of a property that goes by with time alone, as an age: a document in which nothing else has changed is the same document.</summary>
[AttributeUsage(AttributeTargets.Property)]
internal sealed class PassingAttribute : Attribute;
