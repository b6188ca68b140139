"""Worlds for the acceptance tests: one for each test that changes it, one a module for those that only ask."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gateways import Gateway, Tenant, World

from proxy.embedded import Cluster

TemplateOf = Callable[[str], str]


@pytest.fixture
def world(cluster: Cluster, template_of: TemplateOf, tmp_path: Path) -> Iterator[World]:
    """Make a world of its own for a test."""
    with World(cluster, template_of, tmp_path) as world:
        yield world


@pytest.fixture
def tenant(world: World) -> Tenant:
    """Make the one tenant that most tests need."""
    return world.make_tenant()


@pytest.fixture
def gateway(world: World, tenant: Tenant) -> Gateway:
    """Start a gateway that serves one tenant."""
    assert tenant.file.exists()
    return world.start_gateway()


@pytest.fixture(scope="module")
def shared_world(
    cluster: Cluster, template_of: TemplateOf, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Make a world for all tests of a module."""
    with World(cluster, template_of, tmp_path_factory.mktemp("world")) as world:
        yield world


@pytest.fixture(scope="module")
def shared_tenant(shared_world: World) -> Tenant:
    """Make one tenant for all tests of a module."""
    return shared_world.make_tenant()


@pytest.fixture(scope="module")
def shared_gateway(shared_world: World, shared_tenant: Tenant) -> Gateway:
    """Start one gateway for all tests of a module."""
    assert shared_tenant.file.exists()
    return shared_world.start_gateway()
