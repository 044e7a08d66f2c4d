"""What Jupyter Book's pages need beside its settings: an extension of Sphinx, for `_config.yml`."""


def one_search_box(app, config):
    """The sidebar has one; that of a bar on top, empty but for it, goes."""
    config.html_theme_options["navbar_persistent"] = []


def without_thebe(app, pagename, templatename, context, doctree):
    """No page runs code by thebe, whose scripts come all the same, twice: an error each time."""
    context["script_files"] = [
        script
        for script in context.get("script_files", [])
        if "thebe" not in f"{script.filename} {script.attributes.get('body')}".lower()
    ]


def setup(app):
    """Called by Sphinx."""
    app.connect("config-inited", one_search_box, priority=1000)  # after those who set options
    app.connect("html-page-context", without_thebe, priority=1000)  # after those who add scripts
    return {"parallel_read_safe": True, "parallel_write_safe": True}
